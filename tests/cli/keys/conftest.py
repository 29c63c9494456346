"""A service that keeps a key, where the shell's commands ask for it."""

from collections.abc import Iterator

import pytest

from tests.cli.keyserver import Keys, keeping
from tests.cli.shell import Shell


@pytest.fixture
def keys(shell: Shell) -> Iterator[Keys]:
    """Keep one key, which the machine opens."""
    shell.variables["XDG_RUNTIME_DIR"] = str(shell.home / "run")
    (shell.home / "run" / "cscd").mkdir(parents=True)
    with keeping(shell.home / "run" / "cscd" / "control", Keys()) as keys:
        yield keys
