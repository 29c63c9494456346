"""What the tests of the command line have in common: a shell, and a small cache."""

from pathlib import Path

import pytest

from tests.cli.shell import Shell


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """Give a shell in an empty directory with a state directory of its own."""
    return Shell(tmp_path)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """Give a directory `cache` with three files in it and below."""
    root = tmp_path / "cache"
    (root / "below").mkdir(parents=True)
    (root / "one").write_bytes(b"first\n")
    (root / "two").write_bytes(b"2" * 100_000)
    (root / "below" / "three").write_bytes(b"third\n")
    return root
