"""``cscd keys recovery-drill``: whether the key that is kept offline would save the files."""

import os
import pwd
from collections.abc import Iterator
from pathlib import Path

import pytest

from cscd.age import CHUNK, X25519Identity
from cscd.cli import caches
from cscd.cli.exitcodes import ExitCode
from cscd.cli.terminal import Terminal
from cscd.errors import TargetError
from tests.cli.shell import Shell
from tests.cli.test_recheck import content, key
from tests.daemon.serving import Served, served
from tests.support import requires
from tests.support.users import ALICE

DRILL = ("keys", "recovery-drill", "--identity", "recovery.key")


@pytest.fixture
def recovery(shell: Shell) -> X25519Identity:
    """Give a recovery identity, in the file `recovery.key`."""
    return key(shell.home / "recovery.key")


@pytest.fixture
def items(shell: Shell, cache: Path, recovery: X25519Identity) -> Path:
    """Give the cache, encrypted to a user and to the recovery identity."""
    user = str(X25519Identity.generate().recipient)
    shell.run("recheck", "-r", user, "-r", str(recovery.recipient), cache)
    return cache


def test_a_key_that_opens_every_item_passes(shell: Shell, items: Path) -> None:
    """Nothing is written, not even an access time; plain files do not count."""
    (items / "plain").write_bytes(b"plain\n")
    before = {path: os.stat(path) for path in items.rglob("*") if path.is_file()}
    done = shell.run(*DRILL, items)
    assert done.code == ExitCode.OK
    assert "The key opens every one: tried 3 items of 4 files." in done.text
    assert {path: os.stat(path) for path in before} == before


@pytest.fixture
def server(shell: Shell) -> Iterator[Served]:
    """Serve where the user's own service would."""
    shell.variables["XDG_RUNTIME_DIR"] = str(shell.home / "run")
    (shell.home / "run" / "cscd").mkdir(parents=True)
    with served(shell.home / "run" / "cscd" / "control") as server:
        yield server


def test_the_service_is_told(shell: Shell, items: Path, recovery: X25519Identity, server: Served) -> None:
    """The public half of the key, how many were tried and failed, and the first that failed."""
    assert shell.run(*DRILL, "--json", items).json["remembered"]
    (items / os.fsdecode(b"\xff")).write_bytes(b"new\n")
    shell.run("recheck", "-r", str(X25519Identity.generate().recipient), items)
    shell.run(*DRILL, items)
    passed, failed = server.answers.drills
    assert (passed.recipients, passed.items, passed.failed) == ((str(recovery.recipient),), 3, 0)
    assert (failed.items, failed.failed, failed.reason) == (4, 1, "no_identity")
    assert failed.first == str(items / os.fsdecode(b"\xff"))


def test_a_key_that_is_no_recovery_key_is_said(shell: Shell, items: Path, server: Served) -> None:
    """The drill passes all the same: the key opens what it opens."""
    server.answers.counts = False
    done = shell.run(*DRILL, "--json", items)
    assert (done.code, done.json["remembered"]) == (ExitCode.OK, False)
    assert "none of encryption.recovery_recipients" in done.messages


def test_without_the_service_it_is_held_and_not_logged(shell: Shell, items: Path) -> None:
    """As on another machine, with the files of a backup."""
    done = shell.run(*DRILL, items)
    assert (done.code, "not logged: the service is not running" in done.messages) == (ExitCode.OK, True)


def test_the_sample_is_as_large_as_asked_for(shell: Shell, items: Path) -> None:
    """Every file has the same chance: over and over, each comes up."""
    done = shell.run(*DRILL, "--sample", "2", "--json", items).json
    assert (done["items"], done["failed"], done["files"], done["exit_code"]) == (2, 0, 3, 0)
    assert shell.run(*DRILL, "--sample", "0", items).code == ExitCode.USAGE


def test_an_item_for_others_alone_fails_the_drill(shell: Shell, items: Path) -> None:
    """It is named, with the reason."""
    (items / "new\n").write_bytes(b"new\n")
    shell.run("recheck", "-r", str(X25519Identity.generate().recipient), items)
    done = shell.run(*DRILL, items)
    assert (done.code, "The key opens 3, and 1 not: tried 4 items of 4 files." in done.text) == (
        ExitCode.KEY,
        True,
    )
    assert "1 no identity given opens it" in done.text
    assert f"{items}/new\\n" in done.text


@pytest.mark.parametrize("place", [30, 600, -1])
def test_damage_in_the_header_or_at_either_end_fails_the_drill(shell: Shell, items: Path, place: int) -> None:
    """Of a file of two chunks."""
    assert (items / "two").stat().st_size > CHUNK
    raw = bytearray((items / "two").read_bytes())
    raw[place] ^= 1
    (items / "two").write_bytes(raw)
    done = shell.run(*DRILL, "--json", items)
    assert (done.code, done.json["failed"], done.json["left"][0]["reason"]) == (
        ExitCode.DAMAGED,
        1,
        "damaged",
    )
    assert done.json["left"][0]["first"][0]["path"]["text"] == str(items / "two")


def test_where_nothing_is_encrypted_nothing_is_proven(
    shell: Shell, cache: Path, recovery: X25519Identity
) -> None:
    """That is no success."""
    del recovery
    done = shell.run(*DRILL, cache)
    assert (done.code, "nothing was tried" in done.messages) == (ExitCode.TARGET, True)


def test_every_directory_has_its_share(shell: Shell, items: Path, recovery: X25519Identity) -> None:
    """One with a hundred files does not hide one with a single file."""
    (shell.home / "other").mkdir()
    (shell.home / "other" / "single").write_bytes(b"single\n")
    for number in range(100):
        (items / f"{number}").write_bytes(b"one of many\n")
    shell.run("recheck", "-r", str(recovery.recipient), items)
    shell.run("recheck", "-r", str(X25519Identity.generate().recipient), shell.home / "other")
    done = shell.run(*DRILL, "--sample", "2", "--json", items, "other").json
    assert (done["items"], done["failed"]) == (2, 1)


@pytest.mark.root
def test_root_is_led_nowhere_by_a_hostile_tree(shell: Shell, items: Path, recovery: X25519Identity) -> None:
    """Links, FIFOs and a directory that leads out: only the owner's own regular files are drawn from."""
    requires.root()
    outside = shell.home / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"root's\n")
    shell.run("recheck", "-r", str(recovery.recipient), outside)
    os.mkfifo(items / "fifo")
    (items / "secret").symlink_to(outside / "secret")
    (items / "out").symlink_to(outside)
    (items / "below" / "loop").symlink_to("..")
    for path in (items, *items.rglob("*")):
        os.chown(path, ALICE.uid, ALICE.gid, follow_symlinks=False)
    (items / "one").chmod(0)
    before = content(items)
    done = shell.run(*DRILL, "--json", items).json
    assert (done["exit_code"], done["files"], done["items"]) == (0, 3, 3)
    assert content(items) == before


@pytest.mark.root
def test_root_draws_from_the_caches_of_all_accounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That are there, and can be worked on; system accounts and links are left out."""
    requires.root()

    def account(name: str, uid: int) -> pwd.struct_passwd:
        return pwd.struct_passwd((name, "x", uid, uid, "", str(tmp_path / name), "/bin/sh"))

    people = [
        account("alice", 60_801),
        account("bob", 60_802),
        account("system", 100),
        account("eve", 60_803),
    ]
    people.append(pwd.struct_passwd(("nobody", "x", 60_804, 60_804, "", "relative", "/bin/sh")))
    for name in ("alice", "system"):
        (tmp_path / name / ".cache" / "cscd").mkdir(parents=True)
    (tmp_path / "eve" / ".cache").mkdir(parents=True)
    (tmp_path / "eve" / ".cache" / "cscd").symlink_to(tmp_path / "alice")
    monkeypatch.setattr(pwd, "getpwall", lambda: people)
    assert caches.cache_roots(Terminal({})) == [str(tmp_path / "alice" / ".cache" / "cscd")]
    people.clear()
    with pytest.raises(TargetError, match="name directories"):
        caches.cache_roots(Terminal({}))
