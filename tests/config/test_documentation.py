"""The shipped file, the schema and the manual say what the settings are."""

import re
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cscd.config import Settings
from cscd.config.document import parse
from cscd.config.node import plain
from cscd.config.outline import Key, outline
from cscd.config.schema import schema
from tests.config.directory import RECIPIENT, Directory
from tests.config.documentation import GENERATED, MANUAL, SHIPPED

SCHEMA = schema()
KEYS = [key for key in outline() if key.section is None]


@pytest.mark.parametrize("path", GENERATED, ids=lambda path: path.name)
def test_what_is_generated_is_up_to_date(path: Path) -> None:
    """`python -m tests.config.documentation` writes it anew."""
    assert path.read_text(encoding="utf-8") == GENERATED[path]()


def test_the_shipped_file_has_every_key_at_its_default(directory: Directory) -> None:
    """So that it may be edited key by key, and changes nothing as it is."""
    directory.main.write_bytes(SHIPPED.read_bytes())
    loaded = directory.load()
    assert loaded.settings == Settings()
    assert set(loaded.origins) == {key.name for key in KEYS}


def test_other_readers_of_yaml_read_the_shipped_file_alike() -> None:
    """Whatever version of YAML they take it for."""
    tree, _ = parse(SHIPPED.read_text(encoding="utf-8"), "f")
    assert plain(tree) == tuples(yaml.safe_load(SHIPPED.read_text(encoding="utf-8")))


def tuples(value: object) -> object:
    """The value with tuples for its lists."""
    if isinstance(value, dict):
        return {key: tuples(inner) for key, inner in value.items()}
    return tuple(value) if isinstance(value, list) else value


@pytest.mark.parametrize("key", list(outline()), ids=lambda key: key.name)
def test_every_key_is_explained(key: Key) -> None:
    """In a sentence or more; a key that takes a quantity says its unit."""
    meaning, phrase = key.meaning, key.phrase
    assert meaning.endswith(".")
    if "duration" in phrase:
        assert "in seconds" in meaning
    if "size" in phrase:
        assert "in bytes" in meaning


def test_the_example_of_the_manual_is_right(directory: Directory) -> None:
    """With a real recipient in place of the short one."""
    text = MANUAL.read_text(encoding="utf-8")
    example = re.search(r"50-site\.yaml\n((?:    .*\n)+)", text)
    assert example
    directory.write(example[1].replace("age1…", RECIPIENT))
    assert directory.load().settings.encryption.policy == "encrypted"


def test_the_schema_is_one() -> None:
    """Of the dialect that it names, and it takes the shipped file."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert accepted(yaml.safe_load(SHIPPED.read_text(encoding="utf-8")))


ATOMS = (
    st.none()
    | st.booleans()
    | st.integers(-2, 2000)
    | st.sampled_from([0.5, 70.5])
    | st.sampled_from(
        ["90s", "1h", "64M", "cores", "user", "machine", "true", "/a", "/a/", "{home}/x", "{x}"]
    )
    | st.sampled_from([word for key in KEYS for word in getattr(key.kind, "words", ())])
    | st.text(max_size=5)
)


def accepted(document: object) -> bool:
    """Whether an editor with the schema has nothing to say."""
    return jsonschema.Draft202012Validator(SCHEMA).is_valid(document)


@given(st.sampled_from(KEYS), ATOMS | st.lists(ATOMS, max_size=3))
def test_the_schema_refuses_nothing_that_is_right(key: Key, value: object) -> None:
    """And of what is wrong it takes only what it cannot know: bounds with a unit, contradictions, paths."""
    document: object = tuple(value) if isinstance(value, list) else value
    shown: object = value
    for step in reversed(key.path):
        document, shown = {step: document}, {step: shown}
    try:
        Settings.model_validate(document)
    except ValueError:
        loose = any(kind in key.phrase for kind in ("duration", "size", "path"))
        assert loose or not accepted(shown)
    else:
        assert accepted(shown)
