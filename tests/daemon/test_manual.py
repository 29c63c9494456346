"""`docs/dbus.md`: its tables are the interface's, and its examples do what it says."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cscd.daemon.encrypt.calls import Caller
from cscd.daemon.encrypt.codes import Code
from cscd.files.goal import State
from tests.daemon.encrypting import Call, Core, Served, served
from tests.daemon.manual import MANUAL, renewed
from tests.support import requires

TEXT = MANUAL.read_text(encoding="utf-8")


class Idle(Core):
    """A core with nothing to cancel."""

    def cancel(self, caller: Caller) -> Code:
        """There is nothing."""
        super().cancel(caller)
        return Code.CANCELLED


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Served]:
    """Serve on a bus."""
    with served(tmp_path, Idle()) as server:
        yield server


def blocks(language: str) -> list[str]:
    """The examples in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)


def examples() -> list[tuple[str, str]]:
    """Commands, each with what it prints."""
    found = "".join(blocks("console"))
    return [(each[0], each[1]) for each in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", found, re.MULTILINE)]


def environment(server: Served) -> dict[str, str]:
    """In which the system bus is the test's."""
    return {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": server.bus.address}


def test_its_tables_are_up_to_date() -> None:
    """`python -m tests.daemon.manual` writes them."""
    assert renewed(TEXT) == TEXT


@pytest.mark.parametrize("command, output", examples())
def test_its_commands_print_what_it_says(server: Served, command: str, output: str) -> None:
    """With `busctl` and `gdbus`, as anybody would type them."""
    words = shlex.split(command)
    requires.command(words[0])
    done = subprocess.run(
        words, env=environment(server), capture_output=True, text=True, check=False, timeout=30
    )
    assert (done.stdout, done.stderr) == (output, "")


def test_its_python_client_works(server: Served) -> None:
    """It is told of each item, and prints what came of it; twenty lines are enough."""
    (program,) = blocks("python")
    assert len([line for line in program.splitlines() if line.strip()]) <= 20

    async def work(call: Call) -> Code:
        assert call.sink
        assert await call.sink.begin()
        await call.sink.item_begin("/home/ann/.cache/cscd/a")
        await call.sink.item_result("/home/ann/.cache/cscd/a", Code.SHARING_VIOLATION)
        await call.sink.end(Code.SHARING_VIOLATION)
        return Code.SHARING_VIOLATION

    server.core.work = work
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment(server),
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "Begin",
        "ItemBegin /home/ann/.cache/cscd/a",
        "ItemResult /home/ann/.cache/cscd/a 32",
        "End 32",
        "32",
    ]
    assert server.core.calls[0].goal is State.ENCRYPTED
