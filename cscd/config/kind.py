"""Kinds of values: what a key takes, how that is written in the file, and how it is said in words.

A kind is the metadata of a field's annotation. It reads what stands in the file, and the same words serve the
error, the shipped file, the documentation and the schema for editors. Duration and Size are in
`cscd.config.quantity`.
"""

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, get_args

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

KIND: Final = "kind"
"""The type of pydantic's error for a value that a kind refuses."""

_LONGEST_SHOWN: Final = 40

_NOT_BOOLEAN: Final = frozenset({"yes", "no", "on", "off", "y", "n"})
"""Booleans in YAML 1.1, text here."""


class Kind(ABC):
    """What a key takes."""

    @property
    @abstractmethod
    def phrase(self) -> str:
        """What was expected, to follow that word: ``a duration such as 90s, from 1s to 1d``."""

    @abstractmethod
    def read(self, value: object) -> object:
        """Return what a value in the file stands for. Raises ValueError, whose text may say more."""

    @abstractmethod
    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of what may stand in the file."""

    def written(self, value: object) -> str:
        """Return a value as it is written in the file; `read` gives it back."""
        return written(value)

    def refusal(self, value: object, why: str) -> str:
        """Say what was expected, and what is there instead."""
        return f"expected {self.phrase}, not {described(value)}{f': {why}' if why else ''}"

    def _checked(self, value: object) -> object:
        try:
            return self.read(value)
        except ValueError as error:
            message = self.refusal(value, str(error))
            raise PydanticCustomError(KIND, "{message}", {"message": message}) from None

    def __get_pydantic_core_schema__(self, _source: object, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self._checked)

    def __get_pydantic_json_schema__(
        self, _schema: CoreSchema, _handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return self.schema()


@dataclass(frozen=True, slots=True)
class Flag(Kind):
    """A boolean."""

    @property
    def phrase(self) -> str:
        """Both of them."""
        return "true or false"

    def read(self, value: object) -> bool:
        """Return the boolean."""
        if isinstance(value, bool):
            return value
        word = str(value).lower()
        if word in ("true", "false"):
            raise ValueError("in quotes it is text")
        raise ValueError("yes, no, on and off are text here" if word in _NOT_BOOLEAN else "")

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema."""
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class Choice(Kind):
    """One of several words: those of a Literal."""

    literal: object

    @property
    def words(self) -> tuple[str, ...]:
        """All of them."""
        return get_args(self.literal)

    @property
    def phrase(self) -> str:
        """All of them, as alternatives."""
        return words(self.words)

    def read(self, value: object) -> str:
        """Return the word."""
        if isinstance(value, str) and value in self.words:
            return value
        raise ValueError

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema."""
        return {"enum": list(self.words)}


@dataclass(frozen=True, slots=True)
class Whole(Kind):
    """A whole number, or a word that stands for one that is not known before."""

    least: int
    most: int
    word: str = ""

    @property
    def phrase(self) -> str:
        """The bounds, and the word."""
        number = f"a whole number from {self.least} to {self.most}"
        return f"{number}, or {self.word}" if self.word else number

    def read(self, value: object) -> int | str:
        """Return the number or the word."""
        if self.word and value == self.word:
            return self.word
        if isinstance(value, int) and not isinstance(value, bool) and self.least <= value <= self.most:
            return value
        raise ValueError

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema."""
        number = {"type": "integer", "minimum": self.least, "maximum": self.most}
        return {"anyOf": [number, {"const": self.word}]} if self.word else number


@dataclass(frozen=True, slots=True)
class Text(Kind):
    """Text on one line that a regular expression describes."""

    what: str
    """What it is, after "expected"."""
    pattern: str
    """Of the whole text; in what Python and JSON Schema (ECMA 262) both understand."""
    secret: bool = False
    """Whether somebody could write a secret here by mistake, so that it is never shown."""

    @property
    def phrase(self) -> str:
        """What it is."""
        return self.what

    def read(self, value: object) -> str:
        """Return the text."""
        if not isinstance(value, str):
            raise ValueError("text that looks like something else needs quotes" if value is not None else "")  # noqa: TRY004 - a value of the wrong type is a wrong value
        if not re.fullmatch(self.pattern, value) or any(0xD800 <= ord(one) <= 0xDFFF for one in value):  # noqa: PLR2004 - surrogates, which are no characters
            raise ValueError
        return value

    def refusal(self, value: object, why: str) -> str:
        """Say what was expected, without what may be a secret."""
        if self.secret and isinstance(value, str):
            return f"expected {self.phrase}, not what is there{f': {why}' if why else ''}"
        return f"expected {self.phrase}, not {described(value)}{f': {why}' if why else ''}"

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema."""
        return {"type": "string", "pattern": f"^(?:{self.pattern})$"}


def words(choices: tuple[str, ...]) -> str:
    """Return words as alternatives: ``a, b or c``."""
    return " or ".join(filter(None, [", ".join(choices[:-1]), choices[-1]]))


def described(value: object) -> str:
    """Say what a value is, on one line and not at length."""
    if value is None:
        return "nothing"
    if isinstance(value, (list, tuple)):
        return "a list"
    if isinstance(value, Mapping):
        return "a section"
    if isinstance(value, str):
        short = value if len(value) <= _LONGEST_SHOWN else f"{value[:_LONGEST_SHOWN]}…"
        return f"the text {_quoted(short)}"
    return written(value)


def written(value: object) -> str:
    """Return a value as YAML: on one line, and in quotes where it could be taken for something else."""
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(written(item) for item in value)}]"
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _RESERVED:
        return value
    return _quoted(value) if isinstance(value, str) else json.dumps(value)


def _quoted(text: str) -> str:
    """Return text in double quotes, with escapes for what cannot be seen (YAML 1.2, section 5.7)."""
    inner = "".join(one if one.isprintable() and one not in '"\\' else _escaped(one) for one in text)
    return f'"{inner}"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    return "\\n" if character == "\n" else f"\\U{ord(character):08x}"


_PLAIN: Final = re.compile(r"[A-Za-z/][A-Za-z0-9_./+-]*")
_RESERVED: Final = _NOT_BOOLEAN | {"true", "false", "null"}
"""Words that other readers of YAML, or we, take for something else than text."""
