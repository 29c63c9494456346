"""``cscd recheck``, as a user runs it."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from cscd.age import X25519Identity
from cscd.cli.exitcodes import ExitCode
from tests.cli.shell import Shell
from tests.support import requires
from tests.support.users import User

AGE = b"age-encryption.org/v1\n"


def content(cache: Path) -> dict[str, bytes]:
    """Every file of the cache."""
    return {str(path.relative_to(cache)): path.read_bytes() for path in cache.rglob("*") if path.is_file()}


def key(path: Path) -> X25519Identity:
    """Keep a new identity in a file."""
    identity = X25519Identity.generate()
    path.touch(0o600)
    path.write_text(f"{identity.encode()}\n", encoding="ascii")
    return identity


def test_everything_is_encrypted_and_comes_back(shell: Shell, cache: Path) -> None:
    """Without any option: with an identity that is made and kept."""
    before = content(cache)
    done = shell.run("recheck", "cache")
    assert (done.code, "3 items encrypted" in done.text) == (ExitCode.OK, True)
    assert all(each.startswith(AGE) for each in content(cache).values())
    assert shell.identity.stat().st_mode & 0o777 == 0o600
    assert shell.run("recheck", "--to", "unencrypted", "cache").code == ExitCode.OK
    assert content(cache) == before


def test_the_user_is_told_of_a_new_identity_once(shell: Shell, cache: Path) -> None:
    """And to keep a copy of it."""
    first, second = shell.run("recheck", cache), shell.run("recheck", cache)
    assert f"your new identity is in {shell.identity}" in first.messages
    assert "keep a copy" in first.messages
    assert not second.err


def test_the_loss_of_the_identity_is_noticed(shell: Shell, cache: Path) -> None:
    """A new one is made, and what it does not open is not simply right."""
    shell.run("recheck", cache)
    shell.identity.unlink()
    for arguments in (("recheck", "--dry-run", cache), ("recheck", cache)):
        done = shell.run(*arguments)
        assert "warning: earlier passes left an index" in done.messages
        assert "3 of them are encrypted for other recipients" in done.text
    assert shell.run("recheck", "--json", cache).json["trees"][0]["other_key"] == 3
    assert "warning" not in shell.run("recheck", cache).messages


def test_another_recipient_than_that_of_the_items_is_noticed(shell: Shell, cache: Path) -> None:
    """They are left as they are, and told."""
    shell.run("recheck", cache)
    done = shell.run("recheck", "-r", str(X25519Identity.generate().recipient), cache)
    assert (done.code, "3 of them are encrypted for other recipients" in done.text) == (ExitCode.OK, True)
    assert "another key" not in shell.run("recheck", cache).text


def test_repeating_it_changes_nothing(shell: Shell, cache: Path) -> None:
    """The same files are there, byte for byte and inode by inode."""
    shell.run("recheck", cache)
    before = {path: path.stat().st_ino for path in cache.rglob("*")}
    done = shell.run("recheck", cache)
    assert "3 items were encrypted before" in done.text
    assert {path: path.stat().st_ino for path in cache.rglob("*")} == before


def test_a_recipient_needs_no_identity(shell: Shell, cache: Path) -> None:
    """None is made; whoever has the identity reads the files."""
    identity = key(shell.home / "key")
    assert shell.run("recheck", "-r", str(identity.recipient), cache).code == ExitCode.OK
    assert not shell.identity.exists()
    assert shell.run("cat", "-i", "key", cache / "one").out == b"first\n"


def test_recipients_come_from_files_too(shell: Shell, cache: Path) -> None:
    """Every one of them can read the files; the identity's own comes first."""
    identities = [key(shell.home / name) for name in ("a", "b", "c")]
    (shell.home / "list").write_text(f"# b\n{identities[1].recipient}\n", encoding="ascii")
    shell.run("recheck", "-i", "a", "-R", "list", "-r", str(identities[2].recipient), cache)
    for name in ("a", "b", "c"):
        assert shell.run("cat", "-i", name, cache / "one").out == b"first\n"
    assert shell.run("inspect", "-i", "a", "--json", cache / "one").json["files"][0]["own_key"]
    assert not shell.run("inspect", "-i", "b", "--json", cache / "one").json["files"][0]["own_key"]


def test_other_programs_read_the_files(shell: Shell, cache: Path) -> None:
    """The format is that of age."""
    requires.command("age")
    shell.run("recheck", cache)
    done = subprocess.run(["age", "-d", "-i", shell.identity, cache / "one"], capture_output=True, check=True)
    assert done.stdout == b"first\n"


def test_unencrypting_makes_no_identity(shell: Shell, cache: Path) -> None:
    """It could open nothing."""
    done = shell.run("recheck", "--to", "unencrypted", cache)
    assert done.code == ExitCode.KEY
    assert "--identity FILE" in done.messages
    assert not shell.identity.exists()


def test_unencrypting_takes_no_recipients(shell: Shell, cache: Path) -> None:
    """Somebody meant something else."""
    recipient = str(X25519Identity.generate().recipient)
    assert shell.run("recheck", "--to", "unencrypted", "-r", recipient, cache).code == ExitCode.USAGE


def test_an_exposed_identity_is_refused(shell: Shell, cache: Path) -> None:
    """Before anything is encrypted to it."""
    shell.run("recheck", cache / "below")
    shell.identity.chmod(0o644)
    done = shell.run("recheck", cache)
    assert done.code == ExitCode.KEY
    assert f"chmod 600 {shell.identity}" in done.messages
    assert (cache / "one").read_bytes() == b"first\n"


def test_an_identity_given_as_recipient_is_not_shown(shell: Shell, cache: Path) -> None:
    """The secret does not go to the terminal, or a log."""
    secret = X25519Identity.generate().encode()
    done = shell.run("recheck", "-r", secret, cache)
    assert done.code == ExitCode.KEY
    assert secret.encode() not in done.out + done.err


def test_an_identity_of_somebody_else_opens_nothing(shell: Shell, cache: Path) -> None:
    """The files stay as they are, and the reason has its exit code."""
    shell.run("recheck", cache)
    before = content(cache)
    key(shell.home / "other")
    done = shell.run("recheck", "--to", "unencrypted", "-i", "other", cache)
    assert done.code == ExitCode.KEY
    assert "no identity given opens it" in done.text
    assert content(cache) == before


def test_a_pass_over_the_home_directory_spares_the_keys(shell: Shell, cache: Path) -> None:
    """Those in the state directory, and those that were given."""
    identity = key(shell.home / "key")
    (shell.home / "list").write_text(f"{identity.recipient}\n", encoding="ascii")
    assert shell.run("recheck", shell.home).code == ExitCode.OK
    assert shell.identity.read_bytes().startswith(b"# created")
    shell.run("recheck", "--to", "unencrypted", shell.home)
    assert shell.run("recheck", "-i", "key", "-R", "list", shell.home).code == ExitCode.OK
    assert b"AGE-SECRET-KEY" in (shell.home / "key").read_bytes()
    assert b"age1" in (shell.home / "list").read_bytes()
    assert (cache / "one").read_bytes().startswith(AGE)


def test_the_state_directory_is_never_a_tree(shell: Shell) -> None:
    """Not even when it is what the user names."""
    shell.state.mkdir(0o700, parents=True)
    done = shell.run("recheck", shell.state)
    assert done.code == ExitCode.TARGET
    assert "never converted" in done.messages


@pytest.mark.parametrize(
    "name, code", [("nothing", ExitCode.TARGET), ("cache/one", ExitCode.TARGET), ("link", ExitCode.TARGET)]
)
def test_all_directories_are_looked_at_first(shell: Shell, cache: Path, name: str, code: ExitCode) -> None:
    """One mistaken path, and nothing is done."""
    (shell.home / "link").symlink_to("cache")
    done = shell.run("recheck", "cache", name)
    assert done.code == code
    assert name in done.messages
    assert (cache / "one").read_bytes() == b"first\n"


@pytest.mark.root
def test_a_directory_that_may_not_be_read_is_no_permission(common_path: Path, alice: User) -> None:
    """Its exit code is not that of a missing one."""
    (common_path / "closed").mkdir(0o700)
    home = common_path / "home"
    home.mkdir()
    os.chown(home, alice.uid, alice.gid)
    done = Shell(home).run_as(alice, "recheck", common_path / "closed")
    assert (done.code, "Permission denied" in done.messages) == (ExitCode.PERMISSION, True)


@pytest.mark.root
def test_an_item_that_may_not_be_read_is_no_permission(common_path: Path, alice: User) -> None:
    """The others are done all the same."""
    home = common_path / "home"
    (home / "cache" / "closed").mkdir(parents=True)
    (home / "cache" / "file").write_bytes(b"content")
    for path in (home, home / "cache", home / "cache" / "file", home / "cache" / "closed"):
        os.chown(path, alice.uid, alice.gid)
    (home / "cache" / "closed").chmod(0)
    done = Shell(home).run_as(alice, "recheck", home / "cache")
    assert done.code == ExitCode.PERMISSION
    assert "permission denied" in done.text
    assert (home / "cache" / "file").read_bytes().startswith(AGE)


def test_an_open_file_is_left_alone_and_named_with_its_holder(shell: Shell, cache: Path) -> None:
    """The rest is done; the exit code says partial, and the summary how to finish."""
    with open(cache / "one", "rb") as held:
        done = shell.run("recheck", "--retry-for", "0", "cache")
        assert held.read() == b"first\n"
    assert done.code == ExitCode.PARTIAL
    assert f"(pid {os.getpid()})" in done.text
    assert done.text.endswith("To finish: cscd recheck --retry-for 0 cache\n")
    assert (cache / "two").read_bytes().startswith(AGE)


def test_an_open_file_is_done_as_soon_as_it_is_closed(shell: Shell, cache: Path) -> None:
    """The wait is announced with the item and its holder."""
    with open(cache / "one", "rb") as held, shell.started("recheck", "--retry-for", "1h", "cache") as running:
        said = running.until("Ctrl-C stops")
        held.close()
        done = running.end()
    assert f"one, open in {_own_name()} (pid {os.getpid()})" in said
    assert done.code == ExitCode.OK
    assert (cache / "one").read_bytes().startswith(AGE)


def test_ctrl_c_stops_waiting(shell: Shell, cache: Path) -> None:
    """What is done stays done; the exit code says cancelled."""
    with open(cache / "one", "rb"), shell.started("recheck", "--retry-for", "1h", "cache") as running:
        running.until("Ctrl-C stops")
        running.process.send_signal(signal.SIGINT)
        done = running.end()
    assert done.code == ExitCode.CANCELLED
    assert "Stopped, partial" in done.text
    assert "To finish: cscd recheck --retry-for 1h cache" in done.text
    assert b"Traceback" not in done.err
    assert (cache / "two").read_bytes().startswith(AGE)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_other_signals_stop_it_alike(shell: Shell, cache: Path, number: signal.Signals) -> None:
    """As systemd or a closed terminal send them."""
    with open(cache / "one", "rb"), shell.started("recheck", "--retry-for", "1h", cache) as running:
        running.until("Ctrl-C stops")
        running.process.send_signal(number)
        assert running.end().code == ExitCode.CANCELLED


def test_a_stop_leaves_the_next_directories_alone(shell: Shell, cache: Path) -> None:
    """The report names each with what became of it."""
    second = shell.home / "second"
    second.mkdir()
    (second / "file").write_bytes(b"content")
    with (
        open(cache / "one", "rb"),
        shell.started("recheck", "--json", "--retry-for", "1h", cache, second) as running,
    ):
        running.until("Ctrl-C stops")
        running.process.send_signal(signal.SIGINT)
        done = running.end()
    assert [tree["begun"] for tree in done.json["trees"]] == [True, False]
    assert [tree["stopped"] for tree in done.json["trees"]] == [True, True]
    assert (second / "file").read_bytes() == b"content"


def test_a_second_pass_over_the_same_tree_says_so(shell: Shell, cache: Path) -> None:
    """And stops, with its own exit code; a pass over another tree goes on."""
    second = shell.home / "second"
    second.mkdir()
    (second / "file").write_bytes(b"content")
    with open(cache / "one", "rb"), shell.started("recheck", "--retry-for", "1h", cache) as running:
        running.until("Ctrl-C stops")
        done = shell.run("recheck", cache, second)
        assert done.code == ExitCode.BUSY
        assert f"another pass is at work on {cache} (pid {running.process.pid})" in done.text
    assert (second / "file").read_bytes().startswith(AGE)


def test_a_dry_run_changes_nothing(shell: Shell, cache: Path) -> None:
    """Its exit code says whether there is something to do."""
    before = content(cache)
    done = shell.run("recheck", "--dry-run", cache)
    assert done.code == ExitCode.PARTIAL
    assert "3 items would be encrypted" in done.text
    assert content(cache) == before
    shell.run("recheck", cache)
    assert shell.run("recheck", "--dry-run", cache).code == ExitCode.OK


def test_a_dry_run_makes_nothing(shell: Shell, cache: Path) -> None:
    """No identity, no state directory: it says what would be done without them."""
    done = shell.run("recheck", "--dry-run", cache)
    assert done.code == ExitCode.PARTIAL
    assert "3 items would be encrypted" in done.text
    assert "no identity is kept yet" in done.messages
    assert "your new identity" not in done.messages
    assert shell.run("recheck", "--dry-run", "--to", "unencrypted", cache).code == ExitCode.KEY
    assert [path.name for path in shell.home.iterdir()] == ["cache"]


def test_a_directory_given_twice_is_done_once(shell: Shell, cache: Path) -> None:
    """By whatever path."""
    done = shell.run("recheck", "--json", "cache", cache, "cache/below/..", "cache/below")
    assert [Path(tree["path"]["text"]) for tree in done.json["trees"]] == [cache, cache / "below"]


@pytest.mark.parametrize(
    "pattern, names",
    [("./one", ["one"]), ("././below/three", ["below/three"]), ("./three", []), ("three", ["below/three"])],
)
def test_a_pattern_may_begin_at_the_directory(
    shell: Shell, cache: Path, pattern: str, names: list[str]
) -> None:
    """As a shell completes it."""
    shell.run("recheck", "--include", pattern, cache)
    assert [name for name, each in content(cache).items() if each.startswith(AGE)] == names


def test_killed_processes_end_a_pass_with_its_summary(shell: Shell, cache: Path) -> None:
    """As the kernel kills where memory is short; JSON is printed as well."""
    with (
        open(cache / "one", "rb"),
        shell.started("recheck", "--json", "--retry-for", "1h", cache) as running,
    ):
        running.until("Ctrl-C stops")
        pid = running.process.pid
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split():
            os.kill(int(child), signal.SIGKILL)
        done = running.end()
    assert done.code == ExitCode.SYSTEM
    (tree,) = done.json["trees"]
    assert "converter processes" in tree["error"]
    assert (tree["converted"]["items"], tree["partial"]) == (2, True)
    assert shell.run("recheck", cache).code == ExitCode.OK


def test_patterns_choose_the_items(shell: Shell, cache: Path) -> None:
    """Exclude wins over include."""
    done = shell.run("recheck", "--include", "t*", "--exclude", "below", cache)
    assert done.code == ExitCode.OK
    assert [name for name, each in sorted(content(cache).items()) if each.startswith(AGE)] == ["two"]


def test_damaged_items_have_their_own_exit_code(shell: Shell, cache: Path) -> None:
    """They stay exactly as they are."""
    shell.run("recheck", cache)
    damaged = bytearray((cache / "two").read_bytes())
    damaged[-1] ^= 1
    (cache / "two").write_bytes(damaged)
    done = shell.run("recheck", "--to", "unencrypted", cache)
    assert done.code == ExitCode.DAMAGED
    assert (cache / "two").read_bytes() == damaged
    assert (cache / "one").read_bytes() == b"first\n"


def test_a_summary_that_cannot_be_printed_is_an_error(shell: Shell, cache: Path) -> None:
    """The work is done all the same."""
    with open("/dev/full", "wb") as full:
        done = shell.run("recheck", cache, stdout=full)
    assert done.code == ExitCode.OUTPUT
    assert (cache / "one").read_bytes().startswith(AGE)


def test_the_report_describes_everything(shell: Shell, cache: Path) -> None:
    """One JSON object on standard output, whatever the names are made of."""
    strange = os.fsdecode(b"\xff\n\x1b")
    (cache / strange).write_bytes(b"strange")
    with open(cache / strange, "rb"):
        done = shell.run("recheck", "--json", "--retry-for", "0", cache)
    report = done.json
    assert (report["format"], report["outcome"], report["exit_code"]) == (1, "partial", done.code)
    (tree,) = report["trees"]
    assert tree["converted"] == {"items": 3, "bytes": 100_012}
    (left,) = tree["left"]
    assert (left["reason"], left["lasting"], left["items"]) == ("open_elsewhere", "brief", 1)
    assert left["first"][0]["path"] == {"text": "\ufffd\n\x1b", "base64": "/wob"}
    assert left["first"][0]["holders"] == [{"pid": os.getpid(), "command": _own_name()}]


def _own_name() -> str:
    return Path("/proc/self/comm").read_text(encoding="utf-8").strip()
