"""The kept identity: made once, by whoever comes first, and never replaced."""

import os
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cscd.age import X25519Identity
from cscd.errors import KeyFileError, KeyFormatError
from cscd.keys import KeptIdentity, StateDirectory, keep, kept
from tests.support import forks


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[StateDirectory]:
    """Give an empty state directory."""
    directory = StateDirectory.make(str(tmp_path / "cscd"))
    yield directory
    directory.close()


def test_there_is_none_before_it_is_made(directory: StateDirectory) -> None:
    """Looking makes none."""
    assert kept(directory) is None
    assert not os.listdir(directory.fd)


def test_it_is_made_once(directory: StateDirectory) -> None:
    """The second time finds the first one's."""
    first, second = keep(directory), keep(directory)
    assert first.made
    assert not second.made
    assert first.file == second.file


def test_it_is_a_plain_age_identity_file(directory: StateDirectory) -> None:
    """Its lines are those of age-keygen, and only the user can read it."""
    identity = keep(directory).identities[0]
    created, public, secret = Path(directory.path, "identity").read_text(encoding="ascii").splitlines()
    assert created.startswith("# created: 20")
    assert public == f"# public key: {identity.recipient}"
    assert secret == identity.encode()


@pytest.mark.parametrize("umask", [0, 0o777])
def test_its_mode_depends_on_nothing(directory: StateDirectory, umask: int) -> None:
    """The umask adds and takes nothing."""
    before = os.umask(umask)
    try:
        keep(directory)
    finally:
        os.umask(before)
    assert stat.S_IMODE(os.stat("identity", dir_fd=directory.fd).st_mode) == 0o600


def test_many_at_once_end_with_one(directory: StateDirectory) -> None:
    """Everybody returns the same, and nothing else is left in the directory."""
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda _: keep(directory).file.content, range(64)))
    assert len(set(found)) == 1
    assert os.listdir(directory.fd) == ["identity"]


def test_many_processes_at_once_end_with_one(directory: StateDirectory) -> None:
    """Also those that share nothing but the directory."""
    begin_read, begin_write = os.pipe()
    pids = []
    for _ in range(8):
        pid = forks.fork()
        if not pid:
            os.close(begin_write)
            os.read(begin_read, 1)  # all begin when the other end is closed
            made = keep(directory)
            Path(directory.path, f"of-{os.getpid()}").write_bytes(made.file.content)
            os._exit(0)
        pids.append(pid)
    os.close(begin_write)
    os.close(begin_read)
    for pid in pids:
        assert os.waitpid(pid, 0)[1] == 0
    found = {Path(directory.path, f"of-{pid}").read_bytes() for pid in pids}
    assert len(found) == 1


def test_it_is_made_where_there_are_no_unnamed_files(directory: StateDirectory) -> None:
    """A file with a random name is linked instead, and is gone afterwards."""

    def refuse() -> None:
        real = os.open

        def without_unnamed(path: str, flags: int, *rest: int, **options: int) -> int:
            if flags & os.O_TMPFILE == os.O_TMPFILE:
                raise OSError(95, "EOPNOTSUPP")
            return real(path, flags, *rest, **options)

        os.open = without_unnamed  # type: ignore[assignment] # in a fork of its own

    content = forks.call(lambda: keep(directory).file.content, first=refuse)
    found = kept(directory)
    assert found
    assert found.file.content == content
    assert os.listdir(directory.fd) == ["identity"]


def test_more_than_one_may_be_kept(directory: StateDirectory) -> None:
    """A user may have put further identities into the file."""
    identities = [X25519Identity.generate() for _ in range(2)]
    path = Path(directory.path, "identity")
    path.touch(0o600)
    path.write_text("".join(f"{each.encode()}\n" for each in identities), encoding="ascii")
    assert [each.recipient for each in _kept(directory).identities] == [each.recipient for each in identities]


def test_one_that_others_can_read_is_refused_and_not_replaced(directory: StateDirectory) -> None:
    """A new one in its place would make every file unreadable."""
    content = keep(directory).file.content
    path = Path(directory.path, "identity")
    path.chmod(0o644)
    with pytest.raises(KeyFileError, match="chmod 600"):
        keep(directory)
    assert path.read_bytes() == content


@pytest.mark.parametrize("content", [b"", b"garbage\n", b"AGE-SECRET-KEY-1"])
def test_a_damaged_one_is_refused_and_not_replaced(directory: StateDirectory, content: bytes) -> None:
    """It may be what is left of the only key."""
    path = Path(directory.path, "identity")
    path.touch(0o600)
    path.write_bytes(content)
    with pytest.raises(KeyFormatError):
        keep(directory)
    assert path.read_bytes() == content


def test_the_secret_is_in_no_representation(directory: StateDirectory) -> None:
    """As tracebacks and debuggers print it."""
    assert "SECRET" not in repr(keep(directory))


def _kept(directory: StateDirectory) -> KeptIdentity:
    found = kept(directory)
    assert found
    return found
