"""Users' homes are theirs, their files plain, and the configuration one that the daemon takes."""

import os
from pathlib import Path

import pytest

from bench.service.accounts import uid_of
from bench.service.ground import Ground
from bench.volume import Volume
from cscd.cli.config import checks
from cscd.config import load, source


def test_the_configuration_is_valid(tmp_path: Path) -> None:
    """A daemon on this ground has the roots and the log that the benchmark looks at."""
    ground = Ground.make(Volume(tmp_path, own=False), "ground")
    settings = load(source(str(ground.config)), checks()).settings
    assert settings.cache.roots == ("{home}/cache",)
    assert settings.logging.file == str(ground.log)
    assert settings.sessions.source == "runtime-directory"


@pytest.mark.root
def test_users_have_plain_files_of_their_own(tmp_path: Path) -> None:
    """As many as were asked for, below a root that is the user's alone."""
    ground = Ground.make(Volume(tmp_path, own=False), "ground")
    ground.settle_in(range(2), 60)
    assert ground.plain(range(2)) == 120
    cache = ground.cache(uid_of(1))
    assert os.stat(cache).st_uid == uid_of(1)
    assert {path.stat().st_uid for path in cache.rglob("*")} == {uid_of(1)}
