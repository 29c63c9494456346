"""The JSON Schema of a configuration file, with which editors complete keys and mark mistakes."""

from typing import Any, Final

from pydantic.json_schema import GenerateJsonSchema

from cscd.config.settings import Settings

DIALECT: Final = GenerateJsonSchema.schema_dialect


def schema() -> dict[str, Any]:
    """Return the schema.

    It says nothing about the bounds of durations and sizes with a unit, nor about keys that contradict each
    other: what it accepts may still be refused. What it refuses is refused.
    """
    return {"$schema": DIALECT, "title": "cscd.yaml", **_without_titles(Settings.model_json_schema())}


def _without_titles(part: dict[str, Any]) -> dict[str, Any]:
    """Leave out the titles that pydantic makes of names: they say nothing that the name does not."""
    kept: dict[str, Any] = {}
    for name, value in part.items():
        if name in ("properties", "$defs"):
            kept[name] = {each: _without_titles(inner) for each, inner in value.items()}
        elif name == "description":
            kept[name] = " ".join(value.split())
        elif name != "title":
            kept[name] = value
    return kept
