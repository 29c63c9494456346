"""Encrypt on the system bus of a machine of its own: ordinary users, administrators, a real polkit."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from cscd.daemon.encrypt.codes import Code
from tests.support import requires
from tests.support.service import Person, Service, Since
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.system, pytest.mark.root]

WHERE = ("org.cscd.OfflineFiles1", "/org/cscd/OfflineFiles1", "org.cscd.OfflineFilesCache1")
USER_CONTROLLED = "encryption: {policy: user-controlled, initial_state: encrypted}\n"

LOW_PRIORITY = 0x200
INTERACTIVE = 0x800
CONSOLE = 0x1000

PASSWORD = "of the administrator"  # noqa: S105 - of a machine that is gone after the test
_SECONDS = 30.0

AGENT = """
tty
exec 3< <(exec pkttyagent --process $$ --notify-fd 4 4>&1 >/dev/tty 2>&1)
read -r -u 3
echo the agent is there
exec {call}
"""
"""Has polkit's textual agent ask on this terminal for the process that then calls."""


PYTHON = "/usr/local/lib/cscd/bin/python"
"""The service's own, for it has a library for the bus."""

ABORTING = """
import asyncio, sys
from dbus_fast import BusType, Message
from dbus_fast.aio import MessageBus

def told(message):
    if message.interface == "org.cscd.Progress1":
        answers = {"Begin": ("b", [True]), "QueryAbort": ("b", [False]), "End": ("", [])}
        answers["ItemResult"] = ("u", [2])
        return Message.new_method_return(message, *answers.get(message.member, ("u", [0])))

async def main():
    bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
    bus.add_message_handler(told)
    where = ("org.cscd.OfflineFiles1", "/org/cscd/OfflineFiles1", "org.cscd.OfflineFilesCache1")
    body = [bool(int(sys.argv[1])), 0, "/sink"]
    print((await bus.call(Message(*where, "EncryptWithProgress", signature="buo", body=body))).body[0])

asyncio.run(main())
"""
"""A program whose sink aborts after the first item."""


@pytest.fixture(scope="module", autouse=True)
def controlled(service: Service) -> Iterator[None]:
    """Leave the state to the administrator, who has a password."""
    requires.command("busctl", "pkttyagent")
    service.machine.add_user("administrator", "--groups=sudo")
    service.machine.run("chpasswd", text=f"administrator:{PASSWORD}\n")
    with service.configured("20-controlled", USER_CONTROLLED):
        yield


@pytest.fixture(autouse=True)
def encrypted(service: Service) -> Iterator[None]:
    """Begin with an encrypted cache, and leave one."""
    assert called(service, "root", encrypt=True) == Code.SUCCESS
    yield
    assert called(service, "root", encrypt=True) == Code.SUCCESS


def command(member: str, *arguments: object) -> list[str]:
    """Return the command that calls a method."""
    return ["busctl", "call", "--timeout=60", *WHERE, member, *map(str, arguments)]


def called(service: Service, user: str, *, encrypt: bool, flags: int = 0) -> int:
    """Call Encrypt as a user, and return the code."""
    words = command("Encrypt", "bu", str(encrypt).lower(), flags)
    return int(service.machine.run(*words, user="" if user == "root" else user).stdout.split()[1])


def state(service: Service) -> tuple[bool, bool]:
    """Return what GetEncryptionStatus says to anybody."""
    _, *values = service.machine.run(*command("GetEncryptionStatus"), user="nobody").stdout.split()
    return values[0] == "true", values[1] == "true"


# -- what everybody may ------------------------------------------------------------------------------------


def test_everybody_brings_their_own_items_there(service: Service, alice: Person, bob: Person) -> None:
    """The caller's, and nobody else's; without being logged on, and without a password."""
    path, other = alice.save("letter", "dear bob\n"), bob.save("letter", "dear alice\n")
    assert called(service, alice.name, encrypt=True) == Code.SUCCESS
    assert alice.encrypted(path)
    assert not bob.encrypted(other)
    assert alice.read(path) == "dear bob\n"


def test_undefined_flags_change_nothing(service: Service, alice: Person) -> None:
    """Not even for root, who may change everything."""
    path = alice.save("letter", "dear bob\n")
    for user in (alice.name, "root"):
        assert called(service, user, encrypt=False, flags=0x1) == Code.INVALID_PARAMETER
    assert state(service)[0]
    assert not alice.encrypted(path)


def test_an_ordinary_user_does_not_change_the_state(service: Service, alice: Person) -> None:
    """Without Interactive nobody is asked: the call is denied, and the log says why."""
    path = alice.save("letter", "dear bob\n")
    assert called(service, alice.name, encrypt=True) == Code.SUCCESS
    since = service.now()
    assert called(service, alice.name, encrypt=False) == Code.ACCESS_DENIED
    assert called(service, alice.name, encrypt=False, flags=CONSOLE) == Code.ACCESS_DENIED
    refused = since.events("encrypt_refused", user=alice.name)
    assert [each["CSCD_REASON"] for each in refused] == ["no_agent", "no_agent"]
    assert state(service)[0]
    assert alice.encrypted(path)


def test_root_changes_it_for_everybody(service: Service, alice: Person) -> None:
    """Those who are logged on follow in the background, and so does what is new."""
    path = alice.save("letter", "dear bob\n")
    with alice.logged_on():
        wait_until(lambda: alice.encrypted(path), "it is encrypted at logon", deadline=_SECONDS)
        assert called(service, "root", encrypt=False) == Code.SUCCESS
        wait_until(lambda: not alice.encrypted(path), "it follows", deadline=_SECONDS)
        assert not state(service)[0]
        assert called(service, "root", encrypt=True) == Code.SUCCESS
        wait_until(lambda: alice.encrypted(path), "it follows", deadline=_SECONDS)
        new = alice.save("new", "dear carol\n")
        wait_until(lambda: alice.encrypted(new), "new ones follow", deadline=_SECONDS)


def test_a_set_policy_overrides_everybody(service: Service, alice: Person) -> None:
    """root, too; the log names the policy."""
    with service.configured("30-set", "encryption: {policy: encrypted}\n"):
        since = service.now()
        for user in (alice.name, "root"):
            assert called(service, user, encrypt=False) == Code.ACCESS_DENIED
        refused = since.events("encrypt_refused")
        assert {(each["CSCD_REASON"], each["CSCD_POLICY"]) for each in refused} == {("policy", "encrypted")}
        assert state(service)[0]


def test_anothers_items_are_an_administrators(service: Service, alice: Person, bob: Person) -> None:
    """Nobody calls about another's items without a password; root does."""
    path = bob.save("letter", "dear alice\n")
    uid = service.machine.run("id", "--user", bob.name).stdout.strip()
    words = command("EncryptUser", "ubu", uid, "true", 0)
    assert service.machine.run(*words, user=alice.name).stdout == f"u {Code.ACCESS_DENIED}\n"
    assert not bob.encrypted(path)
    assert service.machine.run(*words).stdout == "u 0\n"
    assert bob.encrypted(path)


def test_an_open_item_is_a_sharing_violation(service: Service, alice: Person) -> None:
    """The others are converted; the code says what was left, and repeating finishes."""
    held, free = alice.save("held", "still at work\n"), alice.save("free", "done\n")
    with alice.holding(held):
        assert called(service, alice.name, encrypt=True) == Code.SHARING_VIOLATION
        assert (alice.encrypted(held), alice.encrypted(free)) == (False, True)
        assert state(service) == (True, True)
    assert called(service, alice.name, encrypt=True) == Code.SUCCESS
    assert alice.encrypted(held)


def test_low_priority_changes_nothing(service: Service, alice: Person) -> None:
    """It is reserved."""
    path = alice.save("letter", "dear bob\n")
    assert called(service, alice.name, encrypt=True, flags=LOW_PRIORITY) == Code.SUCCESS
    assert alice.encrypted(path)


def test_new_items_stay_as_they_are_in_an_unencrypted_cache(service: Service, alice: Person) -> None:
    """Whatever pass comes by."""
    assert called(service, "root", encrypt=False) == Code.SUCCESS
    with alice.logged_on():
        path = alice.save("new", "dear carol\n")
        assert called(service, alice.name, encrypt=False) == Code.SUCCESS
        assert not alice.encrypted(path)


def test_who_was_not_logged_on_follows_at_logon(service: Service, alice: Person) -> None:
    """In the background, without a call."""
    path = alice.save("letter", "dear bob\n")
    assert called(service, alice.name, encrypt=True) == Code.SUCCESS
    assert called(service, "root", encrypt=False) == Code.SUCCESS
    assert alice.encrypted(path)
    with alice.logged_on():
        wait_until(lambda: not alice.encrypted(path), "it follows", deadline=_SECONDS)


@pytest.mark.parametrize("encrypt", [True, False])
def test_a_cancelled_call_leaves_the_new_state(service: Service, alice: Person, encrypt: bool) -> None:
    """It is partial, new items follow the new state, and repeating the call finishes what is left."""
    paths = [alice.save(f"letter{number}", "dear bob\n") for number in range(20)]
    assert called(service, "root", encrypt=not encrypt) == Code.SUCCESS
    assert called(service, alice.name, encrypt=not encrypt) == Code.SUCCESS
    assert called(service, "root", encrypt=encrypt) == Code.SUCCESS
    code = service.machine.run(PYTHON, "-c", ABORTING, str(int(encrypt)), user=alice.name).stdout
    assert int(code) == Code.CANCELLED
    changed = [alice.encrypted(path) for path in paths].count(encrypt)
    assert 1 <= changed < len(paths)
    assert state(service) == (encrypt, True)
    with alice.logged_on():
        new = alice.save("new", "dear carol\n")
        wait_until(lambda: alice.encrypted(new) is encrypt, "new ones follow", deadline=_SECONDS)
    assert called(service, alice.name, encrypt=encrypt) == Code.SUCCESS
    assert [alice.encrypted(path) for path in paths].count(encrypt) == len(paths)


def test_a_call_starts_the_service(service: Service, alice: Person) -> None:
    """Where it is enabled; the bus has systemd do it."""
    service.machine.run("systemctl", "stop", "cscd")
    assert called(service, alice.name, encrypt=True) == Code.SUCCESS
    assert service.property("ActiveState") == "active"


def test_a_call_does_not_start_what_is_disabled(service: Service, alice: Person) -> None:
    """That is the administrator's to say, not a user's."""
    service.machine.run("systemctl", "disable", "--now", "cscd")
    try:
        done = service.machine.run(*command("GetEncryptionStatus"), user=alice.name, check=False)
        assert done.returncode
        assert service.property("ActiveState") == "inactive"
    finally:
        service.machine.run("systemctl", "enable", "--now", "cscd")


# -- polkit ------------------------------------------------------------------------------------------------


@dataclass
class Terminal:
    """A terminal on which a user called, with polkit's agent."""

    shown: str

    @property
    def code(self) -> int:
        """What the call returned."""
        found = re.findall(r"u ([0-9]+)\s*$", self.shown)
        assert found, self.shown
        return int(found[-1])


def asked(service: Service, person: Person, flags: int, typed: str) -> Terminal:
    """Have a person call on a terminal with an agent, and type something, or else have the agent end."""
    call = shlex.join(command("Encrypt", "bu", "false", flags))
    script = f"bash -c {shlex.quote(AGENT.format(call=call))}"
    words = ("script", "--quiet", "--return", "--command", script, "/dev/null")
    with service.machine.running(*words, user=person.name) as process:
        assert process.stdin
        assert process.stdout
        shown = ""
        while "Password:" not in shown and (character := process.stdout.read(1)):
            shown += character
        tty = shown.split()[0]
        # The agent throws away what was typed before it asked, and hides what is typed from then on.
        silent = ("stty", f"--file={tty}", "--all")
        wait_until(lambda: " -echo " in service.machine.run(*silent).stdout, "the password is hidden")
        if not typed:
            service.machine.run("pkill", "--uid", person.name, "--exact", "pkttyagent")
        rest, _ = process.communicate(typed, timeout=_SECONDS)
    return Terminal(shown + rest)


@pytest.mark.parametrize("flags", [INTERACTIVE, INTERACTIVE | CONSOLE])
def test_with_the_right_password_the_state_changes(service: Service, alice: Person, flags: int) -> None:
    """An administrator's, typed on the terminal of who calls."""
    since = service.now()
    assert asked(service, alice, flags, f"{PASSWORD}\n").code == Code.SUCCESS
    assert not state(service)[0]
    assert granted(since) == [alice.name]


def granted(since: Since) -> list[str]:
    """Return to whom polkit granted something."""
    return [each["CSCD_USER"] for each in since.events("authorization_granted")]


def test_with_a_wrong_password_it_does_not(service: Service, alice: Person) -> None:
    """The call is denied; the log says that it was not authorized."""
    since = service.now()
    assert asked(service, alice, INTERACTIVE, "a guess\n").code == Code.ACCESS_DENIED
    refused = since.wait_for("encrypt_refused", user=alice.name)
    assert refused["CSCD_REASON"] in {"not_authorized", "dialog_dismissed"}
    assert state(service)[0]


def test_a_cancelled_dialog_is_a_refusal(service: Service, alice: Person) -> None:
    """The agent is ended while it asks."""
    since = service.now()
    assert asked(service, alice, INTERACTIVE, "").code == Code.ACCESS_DENIED
    refused = since.wait_for("encrypt_refused", user=alice.name)
    assert refused["CSCD_REASON"] in {"not_authorized", "dialog_dismissed"}
    assert state(service)[0]


def test_who_leaves_the_dialog_leaves_everything_as_it_is(service: Service, alice: Person) -> None:
    """Ctrl-C ends the calling program, too; polkit is told that nobody waits any more."""
    assert asked(service, alice, INTERACTIVE, "\x03").shown.rstrip().endswith("Password:")
    assert state(service)[0]
    assert called(service, alice.name, encrypt=True) == Code.SUCCESS


def test_without_an_agent_nobody_can_be_asked(service: Service, alice: Person) -> None:
    """The log says that there was none."""
    since = service.now()
    assert called(service, alice.name, encrypt=False, flags=INTERACTIVE) == Code.ACCESS_DENIED
    assert since.wait_for("encrypt_refused", user=alice.name)["CSCD_REASON"] == "no_agent"
    assert state(service)[0]
