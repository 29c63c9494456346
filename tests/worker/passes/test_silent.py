"""A filesystem below a root whose server never answers, as of a network share that is gone."""

from pathlib import Path

import pytest

from cscd.files.tree import Tree
from cscd.worker.passes.scan import Listing, Scan
from cscd.worker.passes.selection import Selection
from tests.support import forks
from tests.support.silentmount import silent


@pytest.mark.root
def test_a_directory_with_it_is_listed(tmp_path: Path) -> None:
    """It is left alone as another filesystem, and nobody waits for it."""
    (tmp_path / "directory").mkdir()
    with silent(tmp_path / "share") as mount:

        def look() -> Listing:
            return Scan(Tree.open(str(tmp_path)), "", b"", Selection()).slice()

        listing = forks.call(look, first=mount.leave)
        assert not mount.waited_for
    assert [name for name, _ in listing.subdirectories] == ["directory"]
    assert [(name, reason.value) for name, reason in listing.left_first] == [("share", "other_filesystem")]
