"""The generated part of the manual page `docs/man/cscd.yaml.5`: every key, in the words of the settings."""

import re
from collections.abc import Iterator
from pathlib import Path

from cscd.config.outline import outline

PAGE = Path(__file__).parent.parent.parent / "docs" / "man" / "cscd.yaml.5"

BEGIN, END = '.\\" generated: settings\n', '.\\" end\n'


def page() -> str:
    """The page with its generated part as it should be."""
    head, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    _, tail = rest.split(END)
    return head + BEGIN + "\n".join(_keys()) + "\n" + END + tail


def _keys() -> Iterator[str]:
    """Yield a subsection for each section, and an entry for each key in it."""
    keys = list(outline())
    for section in keys:
        if section.section is None:
            continue
        yield f".Ss {section.name}"
        yield from _sentences(section.meaning)
        inside = [key for key in keys if key.path[:-1] == section.path and key.section is None]
        if inside:
            yield ".Bl -tag -width Ds"
            for key in inside:
                yield f".It Cm {key.path[-1]} : No {_escaped(key.written(key.default))}"
                yield from _sentences(key.meaning)
                yield from _sentences(f"Takes {key.phrase}.")
            yield ".El"


def _sentences(text: str) -> Iterator[str]:
    """Yield each sentence on a line of its own, as manual pages have it."""
    for sentence in re.split(r"(?<=[.;]) (?=[A-Z{*])", _escaped(text)):
        yield f"\\&{sentence}" if sentence[0] in ".'" else sentence


def _escaped(text: str) -> str:
    """The text without anything that the formatter would take for itself."""
    return text.replace("\\", "\\e").replace("…", "...").replace("~", "\\(ti").replace("^", "\\(ha")
