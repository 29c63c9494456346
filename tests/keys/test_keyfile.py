"""Files of keys: which are read, and which must not be used."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from cscd.age import X25519Identity
from cscd.errors import KeyFileError, KeyFormatError
from cscd.keys import keyfile, read_identities, read_recipients
from tests.support.users import User, call_as


@pytest.fixture
def identity() -> X25519Identity:
    """Give a new identity."""
    return X25519Identity.generate()


@pytest.fixture
def path(tmp_path: Path, identity: X25519Identity) -> Path:
    """Give a file with that identity, as it should be kept."""
    path = tmp_path / "key"
    path.touch(0o600)
    path.write_text(f"# a comment\n{identity.encode()}\n", encoding="ascii")
    return path


def test_an_identity_file_is_read(path: Path, identity: X25519Identity) -> None:
    """The identities come back, and what a pass needs in order to spare the file."""
    file, identities = read_identities(str(path))
    assert [each.recipient for each in identities] == [identity.recipient]
    status = path.stat()
    assert (file.device, file.inode) == (status.st_dev, status.st_ino)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602])
def test_a_file_that_others_can_use_is_refused(path: Path, mode: int) -> None:
    """The refusal says what to do."""
    path.chmod(mode)
    with pytest.raises(KeyFileError, match=f"chmod 600 {path}"):
        read_identities(str(path))


def test_a_file_that_the_user_names_may_be_a_link(path: Path, tmp_path: Path) -> None:
    """What counts is the file that it leads to."""
    link = tmp_path / "link"
    link.symlink_to(path)
    file, _ = read_identities(str(link))
    assert file.inode == path.stat().st_ino


def test_a_file_that_the_user_names_may_be_a_pipe(identity: X25519Identity) -> None:
    """``--identity <(…)`` works."""
    reader, writer = os.pipe()
    os.write(writer, identity.encode().encode())
    os.close(writer)
    _, identities = read_identities(f"/dev/fd/{reader}")
    os.close(reader)
    assert identities[0].recipient == identity.recipient


@pytest.mark.parametrize("path", ["/dev/null", "/"])
def test_what_is_no_file_is_refused(path: str) -> None:
    """A device or a directory holds no identity."""
    with pytest.raises(KeyFileError, match="not a regular file"):
        read_identities(path)


def test_a_missing_file_is_an_error_of_the_key(tmp_path: Path) -> None:
    """It is named, with the reason."""
    with pytest.raises(KeyFileError, match="nowhere: No such file or directory"):
        read_identities(str(tmp_path / "nowhere"))


@pytest.mark.parametrize("read", [read_identities, read_recipients])
def test_a_link_that_leads_nowhere_is_a_missing_file(tmp_path: Path, read: Callable[[str], object]) -> None:
    """A link is no mistake here, so that none is blamed."""
    (tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(KeyFileError, match="link: No such file or directory"):
        read(str(tmp_path / "link"))


def test_a_malformed_file_is_named_with_the_line(path: Path) -> None:
    """What the line holds is not shown."""
    path.write_text("# fine\nAGE-SECRET-KEY-1NOTHING\n", encoding="ascii")
    with pytest.raises(KeyFormatError, match=f"^{path}: line 2: ") as caught:
        read_identities(str(path))
    assert "NOTHING" not in str(caught.value)


def test_a_huge_file_is_not_read_to_its_end(path: Path) -> None:
    """A mistaken path costs a page of memory, not a film of it."""
    os.truncate(path, 1 << 40)
    with pytest.raises(KeyFormatError, match="at most"):
        read_identities(str(path))


def test_recipients_may_be_readable_to_all(path: Path, identity: X25519Identity) -> None:
    """They are public."""
    path.write_text(f"{identity.recipient}\n", encoding="ascii")
    path.chmod(0o644)
    _, recipients = read_recipients(str(path))
    assert recipients == [identity.recipient]


def test_our_own_file_is_never_reached_through_a_link(path: Path, tmp_path: Path) -> None:
    """Whoever could place a link could choose our identity."""
    (tmp_path / "identity").symlink_to(path)
    directory = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with pytest.raises(KeyFileError, match="symbolic link"):
            keyfile.open_ours(str(tmp_path / "identity"), "identity", directory)
    finally:
        os.close(directory)


def test_our_own_file_is_no_pipe(tmp_path: Path) -> None:
    """Opening one does not wait for its other end."""
    os.mkfifo(tmp_path / "identity", 0o600)
    directory = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with pytest.raises(KeyFileError, match="not a regular file"):
            keyfile.open_ours(str(tmp_path / "identity"), "identity", directory)
    finally:
        os.close(directory)


@pytest.mark.root
def test_a_file_of_somebody_else_is_refused(common_path: Path, alice: User, mallory: User) -> None:
    """Even where it can be read: the owner may replace the identity."""
    path = common_path / "key"
    path.touch(0o600)
    path.write_text(X25519Identity.generate().encode(), encoding="ascii")
    os.chown(path, mallory.uid, alice.gid)
    path.chmod(stat.S_IRUSR | stat.S_IRGRP)
    os.chown(path, mallory.uid, alice.gid)
    with pytest.raises(KeyFileError, match=f"belongs to another user \\(uid {mallory.uid}\\)"):
        call_as(alice, lambda: read_identities(str(path)))
