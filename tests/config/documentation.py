"""What is generated from the settings: the shipped file, the schema for editors, the tables of the manual.

``python -m tests.config.documentation`` writes them anew; a test fails while they differ.
"""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from cscd.config.outline import Key, outline
from cscd.config.schema import schema
from cscd.config.shipped import shipped
from tests.config.page import PAGE, page

ROOT = Path(__file__).parent.parent.parent
MANUAL = ROOT / "docs" / "configuration.md"
SHIPPED = ROOT / "config" / "cscd.yaml"
SCHEMA = ROOT / "config" / "cscd.schema.json"

BEGIN, END = "<!-- generated: settings -->\n", "<!-- end -->"


def manual() -> str:
    """The manual with its generated part as it should be."""
    head, rest = MANUAL.read_text(encoding="utf-8").split(BEGIN)
    _, tail = rest.split(END)
    return head + BEGIN + "\n".join(sections()) + "\n" + END + tail


def schema_text() -> str:
    """The schema as it is printed and shipped."""
    return json.dumps(schema(), indent=2) + "\n"


def sections() -> Iterator[str]:
    """Yield a heading and a table for each section."""
    keys = list(outline())
    for section in keys:
        if section.section is None:
            continue
        yield from ("", f"### {section.name}", "", marked(section.meaning, keys), "")
        yield "| Key | Default | Takes | Meaning |"
        yield "| --- | --- | --- | --- |"
        yield from (row(key, keys) for key in keys if key.path[:-1] == section.path and key.section is None)


def row(key: Key, keys: list[Key]) -> str:
    """The line of a key in the table of its section."""
    default = key.written(key.default)
    return f"| `{key.path[-1]}` | `{default}` | {escaped(key.phrase)} | {marked(key.meaning, keys)} |"


def marked(text: str, keys: list[Key]) -> str:
    """The text with names of keys and what stands in braces as code."""
    names = {key.path[-1] for key in keys if "_" in key.path[-1]}
    text = escaped(text)
    return re.sub(r"\b[a-z]+_[a-z_]+\b", lambda word: f"`{word[0]}`" if word[0] in names else word[0], text)


def escaped(text: str) -> str:
    """The text without anything that Markdown would take for itself."""
    return re.sub(r"([*|<>])", r"\\\1", text)


GENERATED: dict[Path, Callable[[], str]] = {SHIPPED: shipped, SCHEMA: schema_text, MANUAL: manual, PAGE: page}


if __name__ == "__main__":
    for path, text in GENERATED.items():
        path.write_text(text(), encoding="utf-8")
