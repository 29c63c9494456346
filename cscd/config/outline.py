"""The keys of the settings, in their order, with all that is said about each.

What is generated from the settings (the shipped file, the documentation, what `cscd config show` prints, the
suggestions for a misspelt key) is generated from this.
"""

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from typing import Any, cast, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from cscd.config.kind import Kind, written
from cscd.config.settings import Section, Settings


@dataclass(frozen=True, slots=True)
class Key:
    """A key, or a section of keys."""

    path: tuple[str, ...]
    """The names of the sections around it, and its own."""
    meaning: str
    """What it means and in which unit, on one line."""
    default: object
    """The value that it has when it is nowhere written."""
    section: type[Section] | None
    """The section that it is; None for a key with a value."""
    kind: Kind | None
    """What it takes, or what each item of its list takes; None for a section."""
    plural: bool
    """Whether it takes a list."""
    least: int
    """How many items a list has at least."""

    @property
    def name(self) -> str:
        """The dotted name."""
        return ".".join(self.path)

    @property
    def phrase(self) -> str:
        """What was expected, to follow that word."""
        if self.kind is None:
            return "a section (keys with values, indented below it)"
        if not self.plural:
            return self.kind.phrase
        return f"a list{', not empty' if self.least else ''}, each item {self.kind.phrase}"

    def written(self, value: object) -> str:
        """Return a value of this key as YAML on one line."""
        if self.plural and isinstance(value, tuple):
            return f"[{', '.join(self._item(item) for item in value)}]"
        return self._item(value)

    def _item(self, value: object) -> str:
        return self.kind.written(value) if self.kind else written(value)


def outline(top: type[Section] = Settings, above: tuple[str, ...] = ()) -> Iterator[Key]:
    """Yield every section, and after it every key in it."""
    for name, field in top.model_fields.items():
        key = _key((*above, name), field)
        yield key
        if key.section is not None:
            yield from outline(key.section, key.path)


def value_of(settings: Settings, path: tuple[str, ...]) -> object:
    """Return the value of a key, or a section."""
    return reduce(getattr, path, cast("object", settings))


def section_at(path: tuple[str | int, ...]) -> type[Section] | None:
    """Return the section at a path, None if there is none of that name."""
    found: type[Section] = Settings
    for step in path:
        field = found.model_fields.get(str(step))
        inner = _section(field) if field else None
        if inner is None:
            return None
        found = inner
    return found


def _key(path: tuple[str, ...], field: FieldInfo) -> Key:
    section = _section(field)
    meaning = inspect.cleandoc(section.__doc__ or "") if section else field.description or ""
    plural = get_origin(field.annotation) is tuple
    kinds = get_args(get_args(field.annotation)[0])[1:] if plural else field.metadata
    return Key(
        path=path,
        meaning=" ".join(meaning.split()),
        default=field.default,
        section=section,
        kind=next((each for each in kinds if isinstance(each, Kind)), None),
        plural=plural,
        least=next((least for each in field.metadata if (least := getattr(each, "min_length", 0))), 0),
    )


def _section(field: FieldInfo) -> type[Section] | None:
    annotation: Any = field.annotation
    if not isinstance(annotation, type) or not issubclass(annotation, BaseModel):
        return None
    return annotation  # type: ignore[return-value] # mypy sees BaseModel; every model in the settings is a section
