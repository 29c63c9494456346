"""``cscd config``: whether the configuration is right, what is in force, and where that is written."""

import argparse
import json
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from cscd.age import parse_recipient
from cscd.cli.exitcodes import ExitCode
from cscd.cli.names import harmless
from cscd.cli.terminal import Terminal
from cscd.config import DEFAULT_PATH, Checks, Loaded, Place, Settings, load, source
from cscd.config.outline import Key, outline, value_of
from cscd.config.schema import schema
from cscd.errors import ConfigError
from cscd.worker.passes.selection import Selection

_INDENT: Final = "  "


class OriginReport(BaseModel):
    """Where a value is written."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    file: str
    """The path of the file."""
    line: int
    """Counted from 1."""
    column: int
    """Counted from 1, in characters."""


class ConfigReport(BaseModel):
    """What ``cscd config show --json`` prints."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    format: Literal[1]
    """The version of this object."""
    command: Literal["config show"]
    """What it is the report of."""
    files: tuple[str, ...]
    """The files that were read, each laid over those before it."""
    settings: Settings
    """Every key with its value, in sections as in the file; durations in seconds, sizes in bytes."""
    origins: dict[str, OriginReport | None]
    """For each key, by its dotted name, where its value is written; null for a default."""


def define(parser: argparse.ArgumentParser) -> None:
    """Add the sub-commands and their arguments."""
    parser.description = "Checks and shows the configuration of this computer."
    commands = parser.add_subparsers(
        dest="config_command", metavar="COMMAND", required=True, title="commands"
    )
    check = commands.add_parser("check", help="say what is wrong with it", allow_abbrev=False)
    check.description = (
        "Prints every error with its file, line and column, or ok. As root, it is also an error if others"
        " can write a file."
    )
    check.set_defaults(run_config=_check)
    show = commands.add_parser("show", help="print what is in force", allow_abbrev=False)
    show.description = "Prints every key with its value, as a configuration file."
    show.add_argument("--origins", action="store_true", help="say for each key where its value is written")
    show.add_argument("--json", action="store_true", help="print one JSON object")
    show.set_defaults(run_config=_show)
    for command in (check, show):
        command.add_argument(
            "file",
            metavar="FILE",
            nargs="?",
            help=f"the main file, with additions in FILE.d (default: {DEFAULT_PATH})",
        )
    printed = commands.add_parser("schema", help="print a JSON Schema for editors", allow_abbrev=False)
    printed.description = "Prints the JSON Schema of a configuration file."
    printed.set_defaults(run_config=_schema)


def run(arguments: argparse.Namespace, terminal: Terminal) -> ExitCode:
    """Do what the sub-command says."""
    try:
        code: ExitCode = arguments.run_config(arguments, terminal)
    except ConfigError as error:
        for problem in error.problems:
            terminal.draw(f"{harmless(problem)}\n")
        return ExitCode.CONFIGURATION
    return code


def _check(arguments: argparse.Namespace, terminal: Terminal) -> ExitCode:
    loaded = _loaded(arguments)
    if not loaded.files:
        terminal.say(f"{DEFAULT_PATH} is not there: every key has its default")
    terminal.print("ok")
    return ExitCode.OK


def _show(arguments: argparse.Namespace, terminal: Terminal) -> ExitCode:
    loaded = _loaded(arguments)
    if arguments.json:
        terminal.print(_report(loaded).model_dump_json(indent=2))
        return ExitCode.OK
    for key in outline():
        terminal.print(_line(key, loaded, origins=arguments.origins))
    return ExitCode.OK


def _schema(_arguments: argparse.Namespace, terminal: Terminal) -> ExitCode:
    terminal.print(json.dumps(schema(), indent=2))
    return ExitCode.OK


def _loaded(arguments: argparse.Namespace) -> Loaded:
    return load(source(arguments.file), checks())


def checks() -> Checks:
    """Return what the layers that use the values know about them."""
    return Checks(recipient=parse_recipient, pattern=_pattern)


def _pattern(pattern: str) -> Selection:
    """Raise ValueError for what is no pattern."""
    return Selection(exclude=[pattern])


def _line(key: Key, loaded: Loaded, *, origins: bool) -> str:
    """Return a key as a line of a configuration file."""
    head = f"{_INDENT * (len(key.path) - 1)}{key.path[-1]}:"
    if key.section is not None:
        return head
    line = f"{head} {key.written(value_of(loaded.settings, key.path))}"
    return f"{line}  # {_origin(loaded.origins.get(key.name))}" if origins else line


def _origin(place: Place | None) -> str:
    return harmless(f"{place.file}:{place.line}") if place else "default"


def _report(loaded: Loaded) -> ConfigReport:
    return ConfigReport(
        format=1,
        command="config show",
        files=tuple(harmless(file) for file in loaded.files),
        settings=loaded.settings,
        origins={key.name: _place(loaded.origins.get(key.name)) for key in outline() if not key.section},
    )


def _place(place: Place | None) -> OriginReport | None:
    if place is None:
        return None
    return OriginReport(file=harmless(place.file), line=place.line, column=place.column)
