"""One event as it is written: when, how grave, whose, in which pass, what. And the same read back.

::

    JSON lines   {"time":"2026-11-22T12:09:17.159547Z","level":"info","event":"item_skipped","user":"alice",
                  "uid":1000,"pass":"5f0c…","path":"…","reason":"open_elsewhere",…,"message":"…"}
    journal      CSCD_EVENT=item_skipped  CSCD_USER=alice  CSCD_UID=1000  CSCD_PASS=5f0c…  CSCD_PATH=…
                 CSCD_REASON=open_elsewhere …  MESSAGE=…  PRIORITY=6  MESSAGE_ID=…  SYSLOG_IDENTIFIER=cscd

In the journal a field with several entries is given several times (it keeps neither order nor duplicates),
and an entry that has parts is JSON.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

from cscd.events.catalogue import CATALOGUE
from cscd.events.event import Event, PassEvent
from cscd.events.level import Level

IDENTIFIER: Final = "cscd"
"""SYSLOG_IDENTIFIER in the journal."""

FRAME: Final = ("time", "level", "event", "user", "uid", "pass", "message")
"""The keys that every record has, or may have; no event has a field of such a name."""

_MICRO: Final = 1_000_000
_MICROSECOND: Final = timedelta(microseconds=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TYPES: Final[Mapping[str, Callable[[str], object]]] = MappingProxyType(
    {"integer": int, "number": float, "boolean": "true".__eq__}
)
"""From a type of JSON Schema to what reads it from the journal's text."""


@dataclass(frozen=True, slots=True)
class Context:
    """Whose event it is."""

    user: str | None = None
    """The user's name, None for events of the service."""
    uid: int | None = None
    """The user's number."""
    pass_id: str | None = None
    """The pass, None outside of any."""


@dataclass(frozen=True, slots=True)
class Record:
    """One event as it is written."""

    time_us: int
    """Microseconds since 1970-01-01 UTC."""
    level: Level
    """How grave."""
    event: str
    """The event's name."""
    context: Context
    """Whose."""
    message: str
    """What happened, in one line for people."""
    fields: Mapping[str, Any]
    """The event's own fields, as JSON has them."""

    @classmethod
    def of(cls, event: Event, context: Context, time_us: int) -> "Record":
        """Return the record of an event."""
        kind = event.kind
        return cls(time_us, kind.level, kind.name, context, event.message(), event.model_dump(mode="json"))

    @property
    def in_pass(self) -> bool:
        """Whether it is about a pass as such, so that people want to see which."""
        event = CATALOGUE.get(self.event)
        return event is not None and issubclass(event, PassEvent)

    def line(self) -> str:
        """Return it as one line of JSON, with the newline."""
        return json.dumps(self._whole(), ensure_ascii=False, separators=(",", ":")) + "\n"

    def journal(self) -> Iterator[tuple[str, str]]:
        """Yield the journal's fields, in order; one name may come several times."""
        yield "MESSAGE", self.message
        yield "PRIORITY", str(self.level.value)
        yield "SYSLOG_IDENTIFIER", IDENTIFIER
        if event := CATALOGUE.get(self.event):
            yield "MESSAGE_ID", event.kind.message_id
        yield "CSCD_EVENT", self.event
        for key, value in (*self._whose(), *self.fields.items()):
            for entry in value if isinstance(value, list) else [value]:
                yield f"CSCD_{key.upper()}", _text(entry)

    @classmethod
    def from_line(cls, line: str | bytes) -> "Record":
        """Read a line of JSON. Raises ValueError if it is not one of ours."""
        try:
            entry = json.loads(line)
        except RecursionError:
            raise ValueError("nested too deeply") from None
        try:
            name = str(entry["event"])
            time = datetime.fromisoformat(str(entry["time"]))
            level = Level.named(str(entry["level"]))
            time_us = (time.astimezone(UTC) - _EPOCH) // _MICROSECOND
        except (KeyError, TypeError, IndexError, OverflowError):
            raise ValueError("not a line of cscd's log") from None
        return cls(
            time_us,
            level,
            name,
            Context(_optional(entry, "user"), _number(entry.get("uid")), _optional(entry, "pass")),
            str(entry.get("message", "")),
            {key: value for key, value in entry.items() if key not in FRAME},
        )

    @classmethod
    def from_journal(cls, entry: Mapping[str, Any]) -> "Record":
        """Read an object of ``journalctl -o json``. Raises ValueError if it is not one of ours."""
        found = {key: _journal_texts(value) for key, value in entry.items()}
        one = {key: texts[0] for key, texts in found.items() if texts}
        try:
            name, time_us = one["CSCD_EVENT"], int(one["__REALTIME_TIMESTAMP"])
        except KeyError:
            raise ValueError("not an entry of cscd's log") from None
        own = {key[5:].lower(): texts for key, texts in found.items() if key.startswith("CSCD_")}
        return cls(
            time_us,
            Level.of_priority(int(one.get("PRIORITY", Level.INFO))),
            name,
            Context(one.get("CSCD_USER"), _number(one.get("CSCD_UID")), one.get("CSCD_PASS")),
            one.get("MESSAGE", ""),
            _typed(name, {key: texts for key, texts in own.items() if key not in FRAME}),
        )

    def _whole(self) -> dict[str, Any]:
        seconds, micro = divmod(self.time_us, _MICRO)
        time = datetime.fromtimestamp(seconds, UTC).replace(microsecond=micro)
        return {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "level": self.level.label,
            "event": self.event,
            **dict(self._whose()),
            **self.fields,
            "message": self.message,
        }

    def _whose(self) -> Iterator[tuple[str, Any]]:
        context = self.context
        whose = (("user", context.user), ("uid", context.uid), ("pass", context.pass_id))
        return ((key, value) for key, value in whose if value is not None)


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _journal_texts(value: object) -> list[str]:
    """Return the values of a field: one, several, or bytes that are no text as a list of numbers."""
    if isinstance(value, list):
        if value and all(isinstance(byte, int) for byte in value):
            return [bytes(value).decode("utf-8", "backslashreplace")]
        return [text for part in value for text in _journal_texts(part)]
    return [] if value is None else [str(value)]


def _typed(name: str, own: Mapping[str, list[str]]) -> dict[str, Any]:
    """Give the fields the types that the catalogue has for them; text where it does not know them."""
    event = CATALOGUE.get(name)
    if event is None:
        return {key: texts[0] for key, texts in own.items() if texts}
    schema = event.model_json_schema()
    known = {key: own.get(key, []) for key in schema["properties"]}
    return {
        key: _read(texts, schema["properties"][key])
        for key, texts in known.items()
        if texts or schema["properties"][key].get("type") == "array"
    }


def _read(texts: list[str], schema: Mapping[str, Any]) -> object:
    if schema.get("type") == "array":
        parts = schema["items"].get("type") != "string"
        return [json.loads(text) if parts else text for text in texts]
    return _TYPES.get(schema["type"], str)(texts[0])


def _optional(entry: Mapping[str, Any], key: str) -> str | None:
    return str(entry[key]) if entry.get(key) is not None else None


def _number(value: object) -> int | None:
    try:
        return None if value is None else int(str(value))
    except ValueError:
        return None
