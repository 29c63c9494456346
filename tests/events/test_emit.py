"""Nothing in cscd can be logged but events of the catalogue: held by the shape of the code.

`emit` takes an instance of an event (mypy checks it), events are defined in the topics of the catalogue only,
and nothing else of ours touches a logging library.
"""

import ast
from collections.abc import Iterator

import pytest

from cscd.events.catalogue import TOPICS
from tests.test_imports import ROOT, Module, read_modules

LIBRARIES = {"structlog", "logging", "syslog"}
"""What a line could be logged with."""

THE_LOG = "cscd.events.log"
"""The one module that may."""

BASES = {"Event", "ServiceEvent", "UserEvent", "PassEvent"}

modules = pytest.mark.parametrize("module", read_modules(ROOT).values(), ids=lambda module: module.name)


def imported(module: Module) -> Iterator[str]:
    """Yield the top-level packages that a module imports."""
    for node in ast.walk(ast.parse(module.source)):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield (node.module or "").partition(".")[0]


def foreign_events(module: Module) -> Iterator[str]:
    """Yield the events that a module defines though it is no topic of the catalogue."""
    if module.name in {topic.__name__ for topic in TOPICS} | {"cscd.events.event"}:
        return
    for node in ast.walk(ast.parse(module.source)):
        if isinstance(node, ast.ClassDef):
            names = {
                base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "")
                for base in node.bases
            }
            if names & BASES:
                yield node.name


def loose_emits(module: Module) -> Iterator[int]:
    """Yield the lines where emit is called with anything but one event."""
    for node in ast.walk(ast.parse(module.source)):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "emit"
            and (
                len(node.args) != 1
                or node.keywords
                or isinstance(node.args[0], (ast.Constant, ast.JoinedStr))
            )
        ):
            yield node.lineno


@modules
def test_only_the_log_uses_a_logging_library(module: Module) -> None:
    """Every other module says what happened with `emit`; one silences what watchdog has to say."""
    assert module.name in (THE_LOG, "cscd.worker.passes.silence") or LIBRARIES.isdisjoint(imported(module))


@modules
def test_events_are_defined_in_the_catalogue_only(module: Module) -> None:
    """So whatever `emit` accepts is in it."""
    assert list(foreign_events(module)) == []


@modules
def test_emit_takes_one_event(module: Module) -> None:
    """No text, no keywords."""
    assert list(loose_emits(module)) == []


@pytest.mark.parametrize(
    "source, check",
    [
        ("import structlog", lambda module: "structlog" in imported(module)),
        ("from logging import getLogger", lambda module: "logging" in imported(module)),
        ("class X(UserEvent): ...", foreign_events),
        ("class X(event.PassEvent): ...", foreign_events),
        ("log.emit('something')", loose_emits),
        ("log.emit(f'{x}')", loose_emits),
        ("log.emit(X(), user='alice')", loose_emits),
    ],
)
def test_a_violation_is_found(source: str, check: object) -> None:
    """The checks see what they are for."""
    assert callable(check)
    found = check(Module("cscd.daemon.x", ROOT, source))
    assert found is True or list(found)
