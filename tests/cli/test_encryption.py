"""``cscd encrypt`` and ``cscd unencrypt``, against the service's own side of a bus."""

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from cscd.cli.exitcodes import ExitCode
from cscd.cli.verdict import EXITS
from cscd.daemon.encrypt.codes import Code
from cscd.daemon.encrypt.flags import Flag
from cscd.daemon.telling.status import HolderStatus, Reasons, StuckItem
from cscd.files.goal import State
from cscd.files.name import Name
from tests.cli.calling import UID, Working, did, service
from tests.cli.shell import Shell
from tests.daemon.encrypting import Served
from tests.support.messagebus import message_bus
from tests.support.users import DAEMON
from tests.support.waiting import wait_until

LEFT = {
    "partial": True,
    "pending": (Reasons(reason="open_elsewhere", items=7),),
    "stuck": (
        StuckItem(
            path=Name.of("/cache/\x1b[31mreport.odt"),
            reason="open_elsewhere",
            holders=(HolderStatus(pid=4711, command="soffice.bin"),),
        ),
    ),
}


@pytest.fixture
def core() -> Working:
    """Give a core that has done at once what it is asked for."""
    return Working(holds=False)


@pytest.fixture
def server(common_path: Path, shell: Shell, core: Working) -> Iterator[Served]:
    """Serve it to the shell's commands."""
    with service(common_path, shell, core) as server:
        yield server


# -- what is asked for, and what came of it ----------------------------------------------------------------


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    "arguments, goal, flags",
    [
        (["encrypt"], State.ENCRYPTED, Flag(0)),
        (["unencrypt"], State.UNENCRYPTED, Flag(0)),
        (["encrypt", "--background"], State.ENCRYPTED, Flag.BACKGROUND),
        (["encrypt", "--interactive"], State.ENCRYPTED, Flag.INTERACTIVE),
        (["unencrypt", "--console"], State.UNENCRYPTED, Flag.INTERACTIVE | Flag.CONSOLE),
    ],
)
def test_the_service_is_asked(
    shell: Shell, core: Working, arguments: list[str], goal: State, flags: Flag
) -> None:
    """For the state, with the flags that stand for the options."""
    assert shell.run(*arguments).code == ExitCode.OK
    (call,) = core.calls
    assert (call.goal, call.bits, call.for_uid) == (goal, int(flags), None)


@pytest.mark.usefixtures("server")
def test_success_is_told_in_words(shell: Shell, core: Working) -> None:
    """With the code, and what was converted."""
    core.after = {"last": did()}
    assert shell.run("encrypt").text.startswith(
        "ERROR_SUCCESS (0): every item of the caller is in the state asked for\n"
        "120 items encrypted, 3.0 MiB, in 2.3 s; 3 were before.\n"
    )


@pytest.mark.root
@pytest.mark.usefixtures("server")
def test_root_is_told_who_follows(shell: Shell) -> None:
    """For nothing of root's is converted."""
    assert "who is logged on follows now, others at their next logon" in shell.run("encrypt").text


@pytest.mark.usefixtures("server")
def test_what_was_left_is_named(shell: Shell, core: Working) -> None:
    """With its reason, who has it open, and what becomes of it; a name cannot speak to the terminal."""
    core.code, core.after = Code.SHARING_VIOLATION, {**LEFT, "last": did()}
    done = shell.run("encrypt")
    assert done.code == ExitCode.PARTIAL
    for line in (
        "ERROR_SHARING_VIOLATION (32): items are in use by other programs",
        "120 items encrypted",
        "7 open in another program",
        r"/cache/\u001b[31mreport.odt  open in soffice.bin (pid 4711)",
        "… and 6 more",
        "The service tries again by itself, and as soon as they are closed.",
    ):
        assert line in done.text
    assert "\x1b" not in done.text


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("code", Code)
def test_every_code_has_its_exit_code(shell: Shell, core: Working, code: Code) -> None:
    """And is named, in what is printed for people and for programs."""
    core.code, core.after = code, LEFT
    done = shell.run("encrypt", "--json")
    assert done.code == EXITS[code] == done.json["exit_code"]
    (call,) = done.json["calls"]
    assert (call["code"], call["result"], call["meaning"]) == (code.value, code.label, code.meaning)
    assert (done.json["command"], done.json["waited"]) == ("encrypt", True)
    assert call["status"]["uid"] == call["uid"] == os.getuid()
    assert f"{code.label} ({code.value}): {code.meaning}\n" in shell.run("encrypt").text


@pytest.mark.usefixtures("server")
def test_damage_is_told_from_a_missing_key(shell: Shell, core: Working) -> None:
    """Both have one code on the bus."""
    core.code = Code.DECRYPTION_FAILED
    core.after = {"failed": (Reasons(reason="no_identity", items=1),)}
    assert shell.run("unencrypt").code == ExitCode.KEY
    core.after = {"failed": (Reasons(reason="damaged", items=1),)}
    assert shell.run("unencrypt").code == ExitCode.DAMAGED


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    "policy, options, advice",
    [
        ("encrypted", [], "the policy is encrypted"),
        ("user-controlled", [], "with --console on a terminal, or as root"),
        ("user-controlled", ["--interactive"], "an administrator's password, and it was wrong, or not given"),
    ],
)
def test_a_refusal_says_who_could(
    shell: Shell, core: Working, policy: str, options: list[str], advice: str
) -> None:
    """The configuration, or an administrator; and that nothing was changed."""
    core.code, core.policy = Code.ACCESS_DENIED, policy
    done = shell.run("unencrypt", *options)
    assert done.code == ExitCode.PERMISSION
    assert "Nothing was changed" in done.text
    assert advice in done.text


@pytest.mark.usefixtures("server")
def test_who_is_not_logged_on_is_told_when_the_rest_follows(shell: Shell, core: Working) -> None:
    """The service does not stay with users who are not there."""
    core.code, core.after = Code.SHARING_VIOLATION, {"uid": UID + 1}
    assert "the service tries again at your next logon" in shell.run("encrypt").text


# -- other users -------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("user", ["daemon", "1"])
def test_another_user_is_named_or_numbered(shell: Shell, core: Working, user: str) -> None:
    """And the result says whose it is."""
    done = shell.run("encrypt", "--user", user)
    assert done.code == ExitCode.OK
    assert [call.for_uid for call in core.calls] == [1]
    assert done.text.startswith("daemon: ERROR_SUCCESS (0)")


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("user", ["nobody-is-called-that", "4294967000", "9" * 30, ""])
def test_nobody_is_called_that(shell: Shell, core: Working, user: str) -> None:
    """Then the service is not asked."""
    done = shell.run("encrypt", "--user", user)
    assert (done.code, done.messages) == (ExitCode.USAGE, f"cscd: there is no user {user}\n")
    assert core.calls == []


@pytest.mark.root
@pytest.mark.usefixtures("server")
def test_all_users_are_told_apart(shell: Shell, core: Working) -> None:
    """The state is changed first, then everybody's items are done."""
    done = shell.run("encrypt", "--all-users")
    assert done.code == ExitCode.OK
    assert [call.for_uid for call in core.calls] == [None, UID]
    assert done.text.startswith(f"user{UID}: ERROR_SUCCESS (0)")
    reported = shell.run("encrypt", "--all-users", "--json").json["calls"]
    assert [(each["user"], each["uid"]) for each in reported] == [(f"user{UID}", UID)]


@pytest.mark.root
@pytest.mark.usefixtures("server")
def test_all_users_stay_as_they_are_where_the_state_may_not_change(shell: Shell, core: Working) -> None:
    """One refusal, and no further call."""
    core.code = Code.ACCESS_DENIED
    assert shell.run("encrypt", "--all-users").code == ExitCode.PERMISSION
    assert len(core.calls) == 1


@pytest.mark.root
@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("options", [["--all-users"], ["--no-wait", "--user", "root"]])
def test_what_only_root_sees_is_for_root(common_path: Path, core: Working, options: list[str]) -> None:
    """Others are told so, and the service is not asked."""
    done = Shell(common_path).run_as(DAEMON, "encrypt", *options)
    assert done.code == ExitCode.USAGE
    assert "only root sees" in done.messages
    assert core.calls == []


# -- while it is under way ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("server")
def test_a_terminal_shows_a_bar(shell: Shell, core: Working) -> None:
    """With items, bytes, rate and time left, on one line that is gone in the end."""
    core.holds = True
    with shell.on_terminal("encrypt") as running:
        running.until(
            r"\r\[#+\.+\] 50 %, 500 of 1,000 items, 600 MiB of 1.2 GiB, \d+ MiB/s, [\d.]+ s left\x1b\[K"
        )
        core.answer.set()
        done = running.end()
    assert done.code == ExitCode.OK
    assert "\r\x1b[K\x1b[32mERROR_SUCCESS (0)" in done.text
    lines = re.split(r"[\r\n]+", re.sub(r"\x1b\[[0-9]*[Km]", "", done.text))
    assert max(map(len, lines)) <= 80


@pytest.mark.usefixtures("server")
def test_ctrl_c_cancels(shell: Shell, core: Working) -> None:
    """The service is told to, the code is told, and how to finish."""
    core.holds = True
    with shell.on_terminal("encrypt", "--background") as running:
        running.until("50 %")
        running.type(b"\x03")
        done = running.end()
    assert done.code == ExitCode.CANCELLED
    assert len(core.cancelled) == 1
    text = " ".join(done.text.split())
    assert "ERROR_CANCELLED (1223)" in text
    assert "Nothing was rolled back: what is done stays encrypted" in text
    assert "To finish: cscd encrypt --background" in text


@pytest.mark.usefixtures("server")
def test_a_signal_is_heard_where_there_is_no_terminal(shell: Shell, core: Working) -> None:
    """And answered in a line."""
    core.holds = True
    with shell.started("encrypt") as running:
        wait_until(lambda: core.under_way.get(os.getuid()), "the service is at it")
        running.process.send_signal(signal.SIGTERM)
        running.until("stopping after the chunk at hand; a second signal ends at once")
        assert running.end().code == ExitCode.CANCELLED


@pytest.mark.usefixtures("server")
def test_a_second_signal_ends_the_command_at_once(shell: Shell, core: Working) -> None:
    """While the service has not stopped; it hears that the caller has left."""
    core.holds = True
    core.stops = False
    with shell.on_terminal("encrypt") as running:
        running.until("50 %")
        running.type(b"\x03")
        running.until("stopping")
        running.type(b"\x03")
        done = running.end()
    assert done.code == ExitCode.CANCELLED
    assert "ended at once; every item is whole" in done.text
    assert "Traceback" not in done.text
    assert core.calls[0].gone.wait(10)


@pytest.mark.root
@pytest.mark.usefixtures("server")
def test_ctrl_c_cancels_another_users_operation_by_leaving(shell: Shell, core: Working) -> None:
    """For Cancel is about the caller's own."""
    core.holds = True
    with shell.on_terminal("encrypt", "--user", "daemon") as running:
        wait_until(lambda: core.under_way.get(1), "the service is at it")
        running.type(b"\x03")
        done = running.end()
    assert done.code == ExitCode.CANCELLED
    assert "nothing was rolled back" in done.text
    assert core.cancelled == []
    assert core.calls[0].gone.wait(10)


# -- not waiting -------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("server")
def test_the_service_goes_on_for_who_does_not_wait(shell: Shell, core: Working) -> None:
    """The command ends when it is taken over: the call that it waited for is cancelled, the other one not."""
    core.holds = True
    done = shell.run("encrypt", "--no-wait", "--background")
    assert done.code == ExitCode.OK
    assert done.text == "The service is at it and goes on by itself; cscd status says how far it is.\n"
    waited, lasting = core.calls
    assert (lasting.goal, lasting.bits) == (State.ENCRYPTED, int(Flag.BACKGROUND))
    assert waited.gone.wait(10)
    assert not lasting.gone.is_set()
    assert core.under_way[os.getuid()] == [lasting]


@pytest.mark.usefixtures("server")
def test_who_does_not_wait_hears_of_a_refusal(shell: Shell, core: Working) -> None:
    """Nothing is left behind then."""
    core.code = Code.ACCESS_DENIED
    assert shell.run("encrypt", "--no-wait").code == ExitCode.PERMISSION
    assert len(core.calls) == 1


@pytest.mark.root
@pytest.mark.usefixtures("server")
def test_root_need_not_wait_for_others(shell: Shell, core: Working) -> None:
    """Each of them is left to the service."""
    core.holds = True
    done = shell.run("encrypt", "--no-wait", "--user", str(os.getuid()), "--json")
    assert (done.json["waited"], done.json["calls"]) == (False, [])


# -- no service --------------------------------------------------------------------------------------------


def test_no_service_says_what_to_do(shell: Shell, common_path: Path) -> None:
    """Start it, or do without."""
    with message_bus(common_path) as bus:
        shell.variables["DBUS_SYSTEM_BUS_ADDRESS"] = bus.address
        done = shell.run("encrypt")
    assert (done.code, done.text) == (ExitCode.SERVICE, "")
    assert done.messages == (
        "cscd: the service is not running; start it: systemctl start cscd."
        " Without the service: cscd recheck --to encrypted DIR, for files of your own\n"
    )


def test_no_bus_says_what_to_do(shell: Shell, tmp_path: Path) -> None:
    """The same, for the same reason."""
    shell.variables["DBUS_SYSTEM_BUS_ADDRESS"] = f"unix:path={tmp_path}/none"
    done = shell.run("unencrypt")
    assert done.code == ExitCode.SERVICE
    assert "there is no system bus" in done.messages
    assert "cscd recheck --to unencrypted DIR" in done.messages


def test_a_service_that_ends_meanwhile_is_told(shell: Shell, server: Served, core: Working) -> None:
    """Nothing hangs."""
    core.holds = True
    with shell.started("encrypt") as running:
        wait_until(lambda: core.under_way.get(os.getuid()), "the service is at it")
        server.bus.kill()
        done = running.end()
    assert done.code == ExitCode.SERVICE
    assert "systemctl start cscd" in done.messages
