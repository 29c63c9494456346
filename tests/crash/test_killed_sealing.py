"""The machine key on its way into a credential, killed or out of space at every call that changes a file."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from cscd.cli.keys.sealing import Sealing
from cscd.errors import KeyFileError
from tests.crash.injection import Ended, traced
from tests.crash.test_killed_keys import REFUSED, changing_points
from tests.support import requires
from tests.support import sealing as support

pytestmark = [pytest.mark.crash, pytest.mark.root]


def move(sealing: Sealing) -> None:
    """Do all that the command does."""
    key = sealing.key()
    if key:
        sealing.seal(key)
        sealing.unit.restart()
        assert sealing.in_use(key)
        sealing.finish(key)


def move_traced(path: Path, inject: str = "") -> tuple[Sealing, str, Ended]:
    """Do it in a fork; returns the key as it was before, too."""
    sealing = support.prepared(path)
    before = sealing.key()
    assert before

    def run(ready: Callable[[], None]) -> None:
        ready()
        try:
            move(sealing)
        except (KeyFileError, OSError):  # no real pipe is ever out of space
            os._exit(REFUSED)

    return sealing, before.identity.encode(), traced(run, path.with_suffix(".trace"), inject)


@pytest.mark.parametrize(
    "how, code", [("signal=KILL", -signal.SIGKILL), ("error=ENOSPC", REFUSED)], ids=["killed", "disk-full"]
)
def test_the_machine_key_is_never_lost(tmp_path: Path, how: str, code: int) -> None:
    """A service that is started then finds the same one, and doing it again completes it."""
    requires.command("strace")
    with support.system(tmp_path / "host"):
        _, _, dry = move_traced(tmp_path / "dry")
        assert dry.code == 0, dry.trace
        codes = set()
        for point in changing_points(dry.trace):
            inject = f"{point.call}:{how}:when={point.number}"
            sealing, before, ended = move_traced(tmp_path / f"{point}", inject)
            codes.add(ended.code)
            assert support.start(sealing).identity.encode() == before, inject
            move(sealing)
            assert not Path(sealing.file).exists()
            assert support.start(sealing).identity.encode() == before, inject
    assert codes - {0} == {code}
