"""``cscd config``: right or wrong, what is in force, where it is written."""

import json
from pathlib import Path

import pytest

from cscd.cli.exitcodes import ExitCode
from cscd.config import Settings
from tests.cli.shell import Shell


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Give a configuration with one key in it, and one in an addition."""
    main = tmp_path / "cscd.yaml"
    main.write_text("sessions:\n  min_uid: 500\n  users: [alice]\n")
    (tmp_path / "cscd.yaml.d").mkdir()
    (tmp_path / "cscd.yaml.d" / "10.yaml").write_text("sessions: {users: [bob, '7']}\n")
    return main


def test_a_right_configuration_is_ok(shell: Shell, file: Path) -> None:
    """One word, for scripts and people."""
    ended = shell.run("config", "check", file)
    assert (ended.code, ended.text, ended.messages) == (ExitCode.OK, "ok\n", "")


def test_every_error_is_a_line_that_editors_can_jump_to(shell: Shell, file: Path) -> None:
    """On standard error, and with an exit code of its own."""
    file.write_text("cache: {rots: []}\nmetrics: {enabled: no}\n")
    ended = shell.run("config", "check", file)
    assert (ended.code, ended.text) == (ExitCode.CONFIGURATION, "")
    assert ended.messages.splitlines() == [
        f"{file}:1:9: cache.rots: no such key; did you mean roots?",
        (
            f'{file}:2:20: metrics.enabled: expected true or false, not the text "no"'
            ": yes, no, on and off are text here"
        ),
    ]


@pytest.mark.parametrize("command", ["check", "show"])
def test_a_file_that_is_missing_is_an_error(shell: Shell, command: str) -> None:
    """When it was named."""
    ended = shell.run("config", command, "nowhere.yaml")
    assert (ended.code, ended.messages) == (
        ExitCode.CONFIGURATION,
        "nowhere.yaml: No such file or directory\n",
    )


def test_nothing_in_a_file_speaks_to_the_terminal(shell: Shell, file: Path) -> None:
    """Neither a key nor a value."""
    file.write_text('"\\e[2Jkey": 1\nsessions: {source: "\\e]0;x\\a"}\n')
    ended = shell.run("config", "check", file)
    assert b"\x1b" not in ended.err
    assert len(ended.messages.splitlines()) == 2


def test_show_prints_a_configuration_file(shell: Shell, file: Path) -> None:
    """With every key, so that it can be checked and stored."""
    ended = shell.run("config", "show", file)
    assert "  min_uid: 500\n" in ended.text
    assert '  users: [bob, "7"]\n' in ended.text
    copy = file.with_name("copy.yaml")
    copy.write_text(ended.text)
    assert shell.run("config", "show", copy).text == ended.text


def test_show_says_where_a_value_is_written(shell: Shell, file: Path) -> None:
    """Or that it is a default, as a comment."""
    lines = shell.run("config", "show", "--origins", file).text.splitlines()
    assert f"  min_uid: 500  # {file}:2" in lines
    assert f'  users: [bob, "7"]  # {file}.d/10.yaml:1' in lines
    assert "  groups: []  # default" in lines


def test_show_gives_programs_the_same(shell: Shell, file: Path) -> None:
    """Durations in seconds, sizes in bytes."""
    shown = shell.run("config", "show", "--json", file).json
    assert (shown["format"], shown["command"]) == (1, "config show")
    assert shown["files"] == [str(file), f"{file}.d/10.yaml"]
    assert shown["settings"]["sessions"]["users"] == ["bob", "7"]
    assert shown["settings"]["enforcement"]["recheck_interval"] == 21600.0
    assert shown["origins"]["sessions.min_uid"] == {"file": str(file), "line": 2, "column": 12}
    assert shown["origins"]["cache.roots"] is None


def test_the_schema_is_printed(shell: Shell) -> None:
    """For editors."""
    printed = shell.run("config", "schema").json
    assert printed["title"] == "cscd.yaml"
    assert set(printed["properties"]) == set(json.loads(Settings().model_dump_json()))
