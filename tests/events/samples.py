"""One instance of every event, filled by the types of its fields with ordinary or with hostile values."""

from collections.abc import Callable, Iterator
from typing import Any

from pydantic import BaseModel

from cscd.events.catalogue import CATALOGUE
from cscd.events.event import Event
from cscd.events.fields import Holder, ReasonCount

IDENTITY = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX"

ORDINARY: dict[str, Any] = {"string": "a_word", "integer": 7, "number": 1.5, "boolean": True}

HOSTILE: dict[str, Any] = {
    "string": f"\x1b[2J\n{IDENTITY}\udcff\u202e" + "x" * 9000,
    "integer": 10**30,
    "number": float("nan"),
    "boolean": False,
}


def every_event(values: dict[str, Any]) -> list[Event]:
    """Return an instance of each event of the catalogue, its fields filled by their types."""
    return [filled(event, values) for event in CATALOGUE.values()]


def filled(event: type[Event], values: dict[str, Any]) -> Event:
    """Return an instance of an event."""
    return event(**dict(_fields(event, values)))


def _fields(model: type[BaseModel], values: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, schema in model.model_json_schema().get("properties", {}).items():
        yield name, _value(schema, values)


def _value(schema: dict[str, Any], values: dict[str, Any]) -> Any:  # noqa: ANN401 - of the field's type
    if schema.get("type") == "array":
        return (_value(schema["items"], values),) * 3
    if "$ref" in schema:
        text, number = values["string"], values["integer"]
        parts: dict[str, Callable[[], Any]] = {
            "Holder": lambda: Holder(pid=number, command=text),
            "ReasonCount": lambda: ReasonCount(reason=text, count=number),
        }
        return parts[schema["$ref"].rpartition("/")[2]]()
    return values[schema["type"]]
