"""What is written from the catalogue: `docs/log-events.md` and the journal's `systemd/cscd.catalog`.

``python -m tests.events.documentation`` writes both anew; a test fails while they differ.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from cscd.events.catalogue import TOPICS, events_of
from cscd.events.event import Event, PassEvent, UserEvent

ROOT = Path(__file__).parent.parent.parent
MANUAL = ROOT / "docs" / "log-events.md"
CATALOG = ROOT / "systemd" / "cscd.catalog"

INTRODUCTION = """\
# Log events

Every event that cscd logs: its name, level and fields, what it means, and what to do. This page is written
from the code (`cscd/events`) by `python -m tests.events.documentation`.

## Where they go, and how to read them

`cscd logs` reads them wherever they are; `logging` in the configuration says where that is.

- **The journal**, natively: each field is `CSCD_` and its name in capitals, so that
  `journalctl -u cscd CSCD_USER=alice CSCD_EVENT=item_skipped` finds them. `MESSAGE` is the line for people,
  `MESSAGE_ID` stands for the event, and `journalctl -x` adds what is said here. A field with several entries
  is given several times, in no order; an entry that has parts is JSON.
- **A file of JSON lines**: one object for each event, with `time` (UTC), `level`, `event`, then `user`, `uid`
  and `pass` where it has them, its own fields, and `message`. Logrotate may rotate it in any manner.
- **Standard output**: the same JSON lines, or lines for people.

An event about a user has `user` (the name) and `uid`; what happens in a pass also has `pass`, an id that
`cscd logs --pass ID` takes. Times are when the service learned of it.

**Text from outside** (file names, names of processes) is escaped, so that no name can begin a line or speak
to a terminal: `\\n`, `\\t`, `\\r`, `\\\\`, `\\xff` for a byte that is not UTF-8, `\\u202e` or `\\U000e0041`
for a character that is not printable. All but cut text can be turned back into the exact name. Long text ends
in `\\[123 more]`. Numbers are never negative and never beyond 2^63-1. What looks like an age identity is
replaced by `[secret key removed]`; no event has a field for one.

**Repetitions are counted.** Of one event, for one reason and one user, the first 100 are written, then one a
minute (`logging.rate_limit`); the rest is told as a number in `suppressed`, at the latest when the pass ends.
`cscd status` always knows all items. While a log cannot be written to (a full disk, no journald) nothing
waits for it; `dropped` says afterwards how many events are missing.
"""

TITLES = {
    "service": "The service",
    "configuration": "Configuration",
    "sessions": "Sessions",
    "workers": "Workers and watches",
    "passes": "Passes",
    "items": "Items",
    "state": "The cache-wide state, and calls of Encrypt",
    "keys": "Keys of users",
    "machine": "The key of the machine",
    "recovery": "Recovery",
    "notices": "The log itself",
}


def manual() -> str:
    """The whole of `docs/log-events.md`."""
    lines = [INTRODUCTION]
    for topic in TOPICS:
        lines += [f"## {TITLES[_noun(topic)]}", ""]
        for event in events_of(topic):
            lines += [*_described(event), ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def catalog() -> str:
    """The whole of `systemd/cscd.catalog`; its format: https://systemd.io/CATALOG/."""
    lines = [
        "# What `journalctl -x` says about the events of cscd. Written from cscd/events by the tests.",
        "",
    ]
    for topic in TOPICS:
        for event in events_of(topic):
            lines += [*_catalogued(event), ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def meaning(event: type[Event]) -> str:
    """The sentence that says what an event means."""
    return " ".join((event.__doc__ or "").split())


def _described(event: type[Event]) -> Iterator[str]:
    kind = event.kind
    yield f"### {kind.name}"
    yield ""
    yield f"*{kind.level.label}{_whose(event)}.* {meaning(event)}"
    yield ""
    yield f"What to do: {kind.advice}"
    fields = event.model_json_schema().get("properties", {})
    if fields:
        yield ""
        yield "| Field | Type | Meaning |"
        yield "| --- | --- | --- |"
    for name, schema in fields.items():
        described = event.model_fields[name].description or ""
        yield f"| `{name}` | {_type(schema)} | {' '.join(described.split())} |"


def _whose(event: type[Event]) -> str:
    if issubclass(event, PassEvent):
        return ", of a pass"
    return ", of a user" if issubclass(event, UserEvent) else ""


def _type(schema: dict[str, Any]) -> str:
    """Say in JSON's words what a field may hold."""
    if "$ref" in schema:
        return {"Holder": "object with `pid`, `command`", "ReasonCount": "object with `reason`, `count`"}[
            schema["$ref"].rpartition("/")[2]
        ]
    if schema.get("type") == "array":
        return f"array of {_type(schema['items'])}"
    return str(schema["type"])


def _catalogued(event: type[Event]) -> Iterator[str]:
    kind = event.kind
    yield f"-- {kind.message_id}"
    yield f"Subject: {_subject(kind.name)}{' (@CSCD_USER@)' if _whose(event) else ''}"
    yield "Defined-By: cscd"
    yield "Documentation: man:cscd(1)"
    yield ""
    yield meaning(event)
    yield ""
    fields = event.model_json_schema().get("properties", {})
    # Of an array the first entry would stand for all of them.
    single = [name for name, schema in fields.items() if schema.get("type") != "array"]
    yield from (f"  {name.replace('_', ' ')}: @CSCD_{name.upper()}@" for name in single)
    if single:
        yield ""
    yield f"What to do: {kind.advice}"


def _subject(name: str) -> str:
    return re.sub("^.", lambda first: first[0].upper(), name.replace("_", " "))


def _noun(topic: ModuleType) -> str:
    return topic.__name__.rpartition(".")[2]


if __name__ == "__main__":
    MANUAL.write_text(manual(), encoding="utf-8")
    CATALOG.parent.mkdir(exist_ok=True)
    CATALOG.write_text(catalog(), encoding="utf-8")
