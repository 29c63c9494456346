"""A filesystem below a root whose server never answers holds nobody up."""

from pathlib import Path

import pytest

from cscd.files.outcome import LeftAlone, Reason
from cscd.files.tree import Tree
from tests.support import forks
from tests.support.silentmount import silent


@pytest.mark.root
def test_a_directory_of_it_is_refused_at_once(tmp_path: Path) -> None:
    """By what the kernel knows: nothing of it is opened, nor anything below it."""
    with silent(tmp_path / "share") as mount:

        def look() -> list[Reason]:
            tree = Tree.open(str(tmp_path))
            reasons = []
            for path in ("share", "share/below"):
                try:
                    tree.directory(path)
                except LeftAlone as left:
                    reasons.append(left.reason)
            return reasons

        assert forks.call(look, first=mount.leave) == [Reason.OTHER_FILESYSTEM] * 2
        assert not mount.waited_for
