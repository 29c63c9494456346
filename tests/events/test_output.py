"""The names of the settings become sinks."""

import os
import pty
from collections.abc import Iterator
from pathlib import Path

import pytest

from cscd.config.settings import LoggingSettings
from cscd.events.journal import Journal
from cscd.events.level import Level
from cscd.events.logfile import LogFile
from cscd.events.output import Destination, Form, opened


@pytest.fixture
def plain() -> Iterator[int]:
    """Give a descriptor that is no terminal."""
    fd = os.open(os.devnull, os.O_WRONLY)
    yield fd
    os.close(fd)


@pytest.fixture
def terminal() -> Iterator[int]:
    """Give a descriptor that is a terminal."""
    master, slave = pty.openpty()
    yield slave
    os.close(slave)
    os.close(master)


def sink_name(fd: int, destination: str, form: str = "auto", socket: str = "/nowhere") -> str:
    """Return the name of the sink that settings lead to."""
    sink = opened(Destination(destination), Form(form), {}, fd=fd, socket=socket)
    sink.close()
    return sink.name


def test_auto_depends_on_where_we_are(plain: int, terminal: int, tmp_path: Path) -> None:
    """People on a terminal, the journal of a service, a program that reads."""
    there = str(tmp_path)
    assert sink_name(terminal, "auto", socket=there) == "console"
    assert sink_name(plain, "auto", socket=there) == "journal"
    assert sink_name(plain, "auto") == "stdout"


def test_what_is_asked_for_is_done(plain: int, terminal: int) -> None:
    """Wherever we are."""
    assert sink_name(terminal, "journal") == "journal"
    assert sink_name(terminal, "stdout", "json") == "stdout"
    assert sink_name(plain, "stdout", "console") == "console"
    assert sink_name(plain, "stdout") == "stdout"


def test_a_file_that_cannot_be_opened_is_an_error_now(tmp_path: Path) -> None:
    """So that a wrong configuration is refused; later nothing raises."""
    with pytest.raises(FileNotFoundError):
        opened(Destination.FILE, Form.AUTO, {}, file=str(tmp_path / "no" / "file"))
    sink = opened(Destination.FILE, Form.AUTO, {}, file=str(tmp_path / "file"))
    assert isinstance(sink, LogFile)
    sink.close()
    journal = opened(Destination.JOURNAL, Form.AUTO, {}, socket="/nowhere")
    assert isinstance(journal, Journal)
    journal.close()


def test_the_settings_use_the_same_names() -> None:
    """Every value that the configuration accepts is one of ours."""
    properties = LoggingSettings.model_json_schema()["properties"]
    assert set(properties["destination"]["enum"]) == {member.value for member in Destination}
    assert set(properties["format"]["enum"]) == {member.value for member in Form}
    for name in properties["level"]["enum"]:
        assert Level.named(name).label == name
