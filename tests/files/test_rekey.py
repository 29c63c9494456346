"""A new header for other recipients: whose it is then, and that the payload is what it was."""

import errno
import os
import random
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from cscd import age
from cscd.age import CHUNK, X25519Identity
from cscd.errors import AgeError, NoMatchError
from cscd.files.content import LOOK, examine
from cscd.files.goal import Goal, State
from cscd.files.outcome import LeftAlone, Reason
from cscd.files.rekey import Rekeying
from cscd.files.rewrite import SEGMENT, Encryption, Rewriter
from tests.support import requires

OLD, NEW, RECOVERY = (X25519Identity.generate() for _ in range(3))
SIZES = (1, CHUNK, LOOK - 1, LOOK, LOOK + 1, SEGMENT - 1, SEGMENT + 1, 40 * SEGMENT + 7)


def goal(*identities: X25519Identity, opens: X25519Identity = OLD) -> Goal:
    """Return the goal of being encrypted for these; `opens` is at hand."""
    recipients = tuple(identity.recipient for identity in identities)
    return Goal(State.ENCRYPTED, recipients, age.key_id(recipients[0]), (opens,), rekey=True)


class Files:
    """An encrypted file, and the same for others."""

    def __init__(self, directory: Path, content: bytes, threads: int = 1) -> None:
        plain = directory / "plain"
        plain.write_bytes(content)
        self.source, self.target = directory / "old", directory / "new"
        self._rewriter = Rewriter(threads)
        encryption = Encryption(goal(OLD), content[:LOOK], len(content), sparse=True)
        with plain.open("rb") as read, self.source.open("wb") as write:
            self._rewriter.run(
                encryption, read.fileno(), write.fileno(), check=lambda: None, count=lambda _: None
            )

    def rekey(self, to: Goal) -> None:
        """Write the other version."""
        with self.source.open("rb") as read, self.target.open("wb") as write:
            beginning = os.pread(read.fileno(), LOOK, 0)
            found = examine(read.fileno(), beginning)
            assert found
            rewrite = Rekeying(beginning, *found, to, self.source.stat().st_size)
            self._rewriter.run(
                rewrite, read.fileno(), write.fileno(), check=lambda: None, count=lambda _: None
            )
        assert self.target.stat().st_size == rewrite.new_size


def opened(path: Path, identity: X25519Identity) -> bytes:
    """Return the plaintext of a file."""
    with path.open("rb") as file:
        return b"".join(map(bytes, age.AgeReader(file.fileno(), path.stat().st_size, [identity]).chunks()))


def payload(path: Path) -> bytes:
    """Return everything after the header."""
    content = path.read_bytes()
    return content[age.parse(content).length :]


@pytest.mark.parametrize("recipients", [(NEW,), (NEW, RECOVERY), (OLD, RECOVERY)], ids=str)
@pytest.mark.parametrize("size", SIZES)
def test_new_recipients_and_the_same_payload(
    tmp_path: Path, size: int, recipients: tuple[X25519Identity, ...]
) -> None:
    """Any size opens with every new key and with no removed one, and not a byte of the payload differs."""
    content = random.randbytes(size)
    files = Files(tmp_path, content, threads=2)
    files.rekey(goal(*recipients))
    assert payload(files.target) == payload(files.source)
    assert all(opened(files.target, identity) == content for identity in recipients)
    for removed in {OLD, NEW, RECOVERY} - set(recipients):
        with pytest.raises(NoMatchError):
            opened(files.target, removed)


def test_the_marker_says_for_whom(tmp_path: Path) -> None:
    """Afterwards the file is right, and its holes are remembered."""
    files = Files(tmp_path, b"content")
    to = goal(NEW, RECOVERY)
    files.rekey(to)
    header = age.parse(files.target.read_bytes())
    marker = age.find(header)
    assert marker == age.Marker(age.key_id(NEW.recipient), to.set_id, sparse=True)
    assert to.fits(header, marker)
    assert not goal(NEW).fits(header, marker)
    assert not goal(RECOVERY, NEW).fits(header, marker)  # the same set, and another user


@pytest.mark.parametrize("number", [errno.EXDEV, errno.EOPNOTSUPP, errno.ENOSYS])
def test_where_the_kernel_does_not_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """What the kernel refuses to copy is read and written."""

    def refuse(*_arguments: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "copy_file_range", refuse)
    content = random.randbytes(3 * SEGMENT + 5)
    files = Files(tmp_path, content)
    files.rekey(goal(NEW, RECOVERY))
    assert opened(files.target, NEW) == content


def alter_marker(content: bytearray) -> None:
    """Claim that the file is another user's."""
    at = content.index(b"-> cscd ") + len("-> cscd ")
    content[at : at + 16] = b"0" * 16


def alter_mac(content: bytearray) -> None:
    """Change the header's authentication."""
    at = content.index(b"\n--- ") + len("\n--- ")
    content[at] = ord("A") if content[at] != ord("A") else ord("B")


def cut_to_no_size(content: bytearray) -> None:
    """Leave less than a tag after the nonce."""
    del content[-len("content") - 1 :]


@pytest.mark.parametrize("damage", [alter_marker, alter_mac, cut_to_no_size])
def test_what_is_not_genuine_gets_no_new_header(tmp_path: Path, damage: Callable[[bytearray], None]) -> None:
    """A header that fails its check, or a size that no payload has, is found before anything is written."""
    files = Files(tmp_path, b"content")
    content = bytearray(files.source.read_bytes())
    damage(content)
    files.source.write_bytes(content)
    with pytest.raises(AgeError):
        files.rekey(goal(NEW))
    assert files.target.read_bytes() == b""


def test_a_source_that_shrinks_has_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that ends before the size that it had is not taken for whole."""
    files = Files(tmp_path, random.randbytes(2 * SEGMENT))
    copy = os.copy_file_range

    def shrink(*arguments: int) -> int:
        os.truncate(files.source, SEGMENT)
        return copy(*arguments)

    monkeypatch.setattr(os, "copy_file_range", shrink)
    with pytest.raises(LeftAlone) as caught:
        files.rekey(goal(NEW))
    assert caught.value.reason is Reason.CHANGED_MEANWHILE


def test_an_older_marker_fits_where_it_leaves_no_doubt() -> None:
    """One recipient and one stanza can only be the user's; anything more may be anybody's."""
    marker = age.Marker(age.key_id(OLD.recipient))
    alone = age.parse(age.address(bytes(16), [OLD.recipient], marker))
    both = age.parse(age.address(bytes(16), [OLD.recipient, RECOVERY.recipient], marker))
    assert goal(OLD).fits(alone, marker)
    assert not goal(OLD).fits(both, marker)
    assert not goal(OLD, RECOVERY).fits(both, marker)
    assert not goal(NEW).fits(alone, marker)


def test_age_opens_it_with_new_keys_only(tmp_path: Path) -> None:
    """The reference implementation agrees about who can read it."""
    requires.command("age")
    content = random.randbytes(SEGMENT + 3)
    files = Files(tmp_path, content)
    files.rekey(goal(NEW, RECOVERY))
    program = shutil.which("age")
    assert program
    for identity, opens in ((NEW, True), (RECOVERY, True), (OLD, False)):
        key = tmp_path / "key"
        key.write_text(identity.encode() + "\n")
        done = subprocess.run(
            [program, "--decrypt", "--identity", key, files.target], capture_output=True, check=False
        )
        assert (done.returncode == 0) is opens
        assert done.stdout == (content if opens else b"")
