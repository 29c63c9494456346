"""Running commands before an audience."""

import os
import signal
from pathlib import Path

import pytest

from cscd.cli.stage import MissedCueError, Stage
from cscd.cli.terminal import Terminal


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """A stage without colours."""
    return Stage(Terminal({}), str(tmp_path), os.environ)


def test_lines_are_shown_up_to_the_one_that_was_waited_for(
    stage: Stage, capfd: pytest.CaptureFixture[str]
) -> None:
    """The others are shown when their time comes, and nothing is shown twice."""
    with stage.started("printf", "one\\ntwo\\nthree\\n") as running:
        running.until("tw.")
        assert capfd.readouterr().out == "   $ printf 'one\\ntwo\\nthree\\n' &\n   one\n   two\n"
        assert running.end() == 0
    assert capfd.readouterr().out == "   three\n"


def test_a_cue_that_never_comes_is_an_error(stage: Stage) -> None:
    """As soon as the command has ended."""
    with stage.started("echo", "hello") as running, pytest.raises(MissedCueError, match="never said 'bye'"):
        running.until("bye")


def test_what_was_started_does_not_outlive_its_block(stage: Stage) -> None:
    """However the block ends."""
    with stage.started("sleep", "600") as running:
        pid = running.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_signal_reaches_it(stage: Stage) -> None:
    """Its exit code tells."""
    with stage.started("sleep", "600") as running:
        running.send(signal.SIGTERM)
        assert running.end() == -signal.SIGTERM


def test_long_lines_are_folded_and_controls_are_not_let_through(
    stage: Stage, capfd: pytest.CaptureFixture[str]
) -> None:
    """Within 80 columns."""
    stage.run("printf", "word " * 30 + "\\033[2J")
    out = capfd.readouterr().out
    assert "\x1b" not in out
    assert max(map(len, out.splitlines()[1:])) <= 80
