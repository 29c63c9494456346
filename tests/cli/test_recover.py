"""``cscd recover``, as an administrator runs it after a disaster."""

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from cscd.age import CHUNK, Marker, X25519Identity, key_id
from cscd.cli.exitcodes import ExitCode
from tests.age.test_interop import encrypt
from tests.cli.shell import Shell
from tests.cli.test_recheck import content, key
from tests.support import requires
from tests.support.mounts import MIB, tmpfs
from tests.support.users import ALICE

RECOVER = ("recover", "--identity", "recovery.key")


@pytest.fixture
def recovery(shell: Shell) -> X25519Identity:
    """Give a recovery identity, in the file `recovery.key`."""
    return key(shell.home / "recovery.key")


@pytest.fixture
def lost(shell: Shell, cache: Path, recovery: X25519Identity) -> dict[str, bytes]:
    """Encrypt the cache to a user whose key is lost and to the recovery identity; gives what was in it."""
    before = content(cache)
    user = X25519Identity.generate().recipient
    assert shell.run("recheck", "-r", str(user), "-r", str(recovery.recipient), cache).code == ExitCode.OK
    return before


def test_copies_are_what_the_files_were(shell: Shell, cache: Path, lost: dict[str, bytes]) -> None:
    """In a new tree, with modes and times; the originals stay encrypted."""
    (cache / "one").chmod(0o640)
    os.utime(cache / "one", ns=(1, 10**18 + 1))
    (cache / "below").chmod(0o750)
    encrypted = content(cache)
    done = shell.run(*RECOVER, "--into", "safe", cache)
    assert (done.code, "3 items restored" in done.text) == (ExitCode.OK, True)
    copies = shell.home / "safe" / "cache"
    assert content(copies) == lost
    assert content(cache) == encrypted
    status = (copies / "one").stat()
    assert (stat.S_IMODE(status.st_mode), status.st_mtime_ns) == (0o640, 10**18 + 1)
    assert stat.S_IMODE((copies / "below").stat().st_mode) == 0o750
    assert (copies / "below").stat().st_mtime_ns == (cache / "below").stat().st_mtime_ns
    assert stat.S_IMODE((shell.home / "safe").stat().st_mode) == 0o700


def test_files_in_place_need_no_state_directory(shell: Shell, cache: Path, lost: dict[str, bytes]) -> None:
    """They become plain where they are; nothing is made for that."""
    shutil.rmtree(shell.state)
    done = shell.run(*RECOVER, cache / "one", cache / "below")
    assert (done.code, done.text.count("1 item unencrypted")) == (ExitCode.OK, 2)
    assert content(cache) == {**lost, "two": (cache / "two").read_bytes()}
    assert (cache / "two").read_bytes() != lost["two"]
    assert not shell.state.exists()


@pytest.mark.usefixtures("lost")
def test_nothing_is_replaced(shell: Shell, cache: Path) -> None:
    """What is there stays, and is named; what was restored before is known by its size and time."""
    copies = shell.home / "safe" / "cache"
    copies.mkdir(parents=True)
    (copies / "one").write_bytes(b"mine\n")
    (copies / "below").write_bytes(b"no directory\n")
    (copies / "two").symlink_to("/etc/passwd")
    done = shell.run(*RECOVER, "--into", "safe", "--json", cache)
    assert (done.code, done.json["trees"][0]["converted"]["items"]) == (ExitCode.PARTIAL, 0)
    (reason,) = done.json["trees"][0]["left"]
    assert (reason["reason"], reason["items"]) == ("target_exists", 3)
    assert content(copies)["one"] == b"mine\n"
    assert (copies / "two").is_symlink()
    for name in ("one", "below", "two"):
        (copies / name).unlink()
    assert shell.run(*RECOVER, "--into", "safe", cache).code == ExitCode.OK
    again = shell.run(*RECOVER, "--into", "safe", "--json", cache).json
    assert (again["exit_code"], again["trees"][0]["right"]["items"]) == (ExitCode.OK, 3)


@pytest.mark.parametrize("place", [-1, 3 * CHUNK // 2, 30])
def test_a_damaged_file_gets_no_name(shell: Shell, cache: Path, lost: dict[str, bytes], place: int) -> None:
    """Wherever the damage is; the others are restored, and it is named."""
    with (cache / "two").open("r+b") as file:
        file.seek(place, os.SEEK_END if place < 0 else os.SEEK_SET)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))
    done = shell.run(*RECOVER, "--into", "safe", cache)
    assert (done.code, "two" in done.text) == (ExitCode.DAMAGED, True)
    del lost["two"]
    assert content(shell.home / "safe" / "cache") == lost


@pytest.mark.usefixtures("lost")
def test_damage_to_the_marker_makes_no_file_plain(shell: Shell, cache: Path) -> None:
    """Wherever a bit of it is flipped: what is copied as plain content would pass for restored."""
    raw = (cache / "one").read_bytes()
    places = range(len(b"age-encryption.org/v1\n"), raw.index(b"\n-> X25519"))
    for place in places:
        (cache / f"flipped-{place}").write_bytes(raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :])
    done = shell.run(*RECOVER, "--into", "safe", "--json", cache)
    (reason,) = done.json["trees"][0]["left"]
    assert (done.code, reason["reason"], reason["items"]) == (ExitCode.DAMAGED, "damaged", len(places))
    drill = shell.run("keys", "recovery-drill", "-i", "recovery.key", "--json", cache).json
    assert (drill["items"], drill["failed"]) == (len(places) + 3, len(places))


@pytest.mark.usefixtures("lost")
def test_another_identity_restores_nothing(shell: Shell, cache: Path) -> None:
    """The exit code speaks of the key; no file has a name."""
    key(shell.home / "other.key")
    done = shell.run("recover", "-i", "other.key", "--into", "safe", cache)
    assert (done.code, "no identity given opens it" in done.text) == (ExitCode.KEY, True)
    assert content(shell.home / "safe") == {}


def test_what_is_plain_is_copied_unless_told_otherwise(
    shell: Shell, cache: Path, lost: dict[str, bytes]
) -> None:
    """Files that still waited for their turn are the user's, too."""
    (cache / "new").write_bytes(b"plain\n")
    assert "1 of them was not encrypted" in shell.run(*RECOVER, "--into", "all", cache).text
    assert content(shell.home / "all" / "cache") == {**lost, "new": b"plain\n"}
    assert shell.run(*RECOVER, "--into", "some", "--only-encrypted", cache).code == ExitCode.OK
    assert content(shell.home / "some" / "cache") == lost


def test_other_age_files_are_content_unless_told_otherwise(
    shell: Shell, cache: Path, recovery: X25519Identity
) -> None:
    """One that the identity does not open is copied as it is in any case."""
    foreign = encrypt(b"own\n", recovery.recipient)
    secret = encrypt(b"secret\n", X25519Identity.generate().recipient)
    (cache / "own.age").write_bytes(foreign)
    (cache / "secret.age").write_bytes(secret)
    shell.run(*RECOVER, "--into", "as-they-are", cache)
    copies = content(shell.home / "as-they-are" / "cache")
    assert (copies["own.age"], copies["secret.age"]) == (foreign, secret)
    assert shell.run(*RECOVER, "--into", "opened", "--all-age", cache).code == ExitCode.OK
    copies = content(shell.home / "opened" / "cache")
    assert (copies["own.age"], copies["secret.age"]) == (b"own\n", secret)


def test_the_key_itself_is_not_copied(shell: Shell, cache: Path, lost: dict[str, bytes]) -> None:
    """Where it lies among the files: the copy is not the place for it."""
    (shell.home / "recovery.key").rename(cache / "recovery.key")
    done = shell.run("recover", "-i", cache / "recovery.key", "--into", "safe", cache)
    assert (done.code, "needed by cscd itself" in done.text) == (ExitCode.OK, True)
    assert content(shell.home / "safe" / "cache") == lost


def test_names_are_kept_byte_for_byte_and_holes_stay_holes(
    shell: Shell, cache: Path, recovery: X25519Identity
) -> None:
    """A name that is no UTF-8, and a file of 10 MiB with one byte in it."""
    odd = Path(os.fsdecode(b"\xff\n\x1b[31m"))
    (cache / odd).write_bytes(b"odd\n")
    with (cache / "hole").open("wb") as file:
        file.truncate(10 * MIB)
        file.write(b"x")
    shell.run("recheck", "-r", str(recovery.recipient), cache)
    done = shell.run(*RECOVER, "--into", "safe", cache)
    assert (done.code, b"\x1b" in done.out) == (ExitCode.OK, False)
    assert (shell.home / "safe" / "cache" / odd).read_bytes() == b"odd\n"
    status = (shell.home / "safe" / "cache" / "hole").stat()
    assert (status.st_size, status.st_blocks * 512 < MIB) == (10 * MIB, True)


def test_what_age_encrypted_is_restored(shell: Shell, cache: Path, recovery: X25519Identity) -> None:
    """A file for two recipients that carries our marker, and one of age's own."""
    requires.command("age")
    user = X25519Identity.generate().recipient
    marked = encrypt(b"marked\n", user, recovery.recipient, marker=Marker(key_id(user)))
    (cache / "marked").write_bytes(marked)
    recipients = ("-r", str(user), "-r", str(recovery.recipient))
    subprocess.run(["age", *recipients, "-o", cache / "foreign", cache / "one"], check=True)
    done = shell.run(*RECOVER, "--into", "safe", "--all-age", cache)
    assert done.code == ExitCode.OK
    copies = content(shell.home / "safe" / "cache")
    assert (copies["marked"], copies["foreign"]) == (b"marked\n", b"first\n")


@pytest.mark.usefixtures("lost")
def test_a_full_disk_leaves_whole_copies_only(shell: Shell, cache: Path, recovery: X25519Identity) -> None:
    """What has room is restored, what has not is named, and there is nothing half."""
    (cache / "large").write_bytes(os.urandom(6 * MIB))
    shell.run("recheck", "-r", str(recovery.recipient), cache)
    with tmpfs(shell.home / "small", size=2 * MIB):
        done = shell.run(*RECOVER, "--into", "small/safe", cache)
        copies = content(shell.home / "small" / "safe" / "cache")
    assert (done.code, sorted(copies)) == (ExitCode.PARTIAL, ["below/three", "one", "two"])
    assert "no room on the filesystem" in done.text


@pytest.mark.root
def test_root_keeps_owners_and_follows_nothing(shell: Shell, cache: Path, lost: dict[str, bytes]) -> None:
    """In a tree that its owner has made as hostile as can be: links, FIFOs, sockets, set-id bits."""
    requires.root()
    secret = shell.home / "secret"
    secret.write_bytes(b"root's\n")
    (cache / "link").symlink_to(secret)
    (cache / "up").symlink_to("..")
    (cache / "loop").symlink_to("loop")
    os.mkfifo(cache / "fifo")
    os.mkfifo(cache / "below" / "fifo")
    for path in (cache, *cache.rglob("*")):
        os.chown(path, ALICE.uid, ALICE.gid, follow_symlinks=False)
    (cache / "one").chmod(0o6755)
    done = shell.run(*RECOVER, "--into", "safe", cache)
    assert (done.code, "5 not a regular file" in done.text) == (ExitCode.OK, True)
    copies = shell.home / "safe" / "cache"
    assert content(copies) == lost
    status = (copies / "one").stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (ALICE.uid, ALICE.gid, 0o755)
    assert (copies / "below").stat().st_uid == ALICE.uid


@pytest.mark.root
@pytest.mark.usefixtures("lost")
def test_root_in_place_leaves_the_files_of_others(shell: Shell, cache: Path) -> None:
    """They are told as another user's, and not one is touched."""
    requires.root()
    for path in (cache, *cache.rglob("*")):
        os.chown(path, ALICE.uid, ALICE.gid)
    before = content(cache)
    done = shell.run(*RECOVER, cache)
    assert (done.code, "belongs to another user" in done.text) == (ExitCode.PARTIAL, True)
    assert content(cache) == before


@pytest.mark.usefixtures("lost")
def test_copies_into_the_tree_itself_do_not_go_round(
    shell: Shell, cache: Path, recovery: X25519Identity
) -> None:
    """The directory for the copies is not entered."""
    del recovery
    done = shell.run(*RECOVER, "--into", cache / "below" / "safe", "--json", cache)
    assert (done.code, done.json["trees"][0]["converted"]["items"]) == (ExitCode.OK, 3)


@pytest.mark.usefixtures("recovery")
@pytest.mark.parametrize(
    "arguments, code, message",
    [
        (("--into", "safe", "missing"), ExitCode.TARGET, "missing: No such file or directory"),
        (("--into", "safe", "cache", "other/cache"), ExitCode.TARGET, "have one name"),
        (("--all-age", "cache"), ExitCode.USAGE, "--into DIR"),
        (("--into", "cache/one", "cache"), ExitCode.TARGET, "is not a directory"),
        (("--into", "safe", "link"), ExitCode.TARGET, "symbolic link"),
    ],
)
def test_a_mistake_is_told_before_anything_is_done(
    shell: Shell, cache: Path, arguments: tuple[str, ...], code: ExitCode, message: str
) -> None:
    """With what to give instead."""
    (shell.home / "other" / "cache").mkdir(parents=True)
    (shell.home / "link").symlink_to(cache)
    done = shell.run(*RECOVER, *arguments)
    assert (done.code, message in done.messages) == (code, True), done.messages
    assert not (shell.home / "safe" / "cache").exists()
