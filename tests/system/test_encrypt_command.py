"""``cscd encrypt`` and ``cscd unencrypt`` on a machine of its own: users, terminals and polkit are real."""

import json
import re
import shlex
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from cscd.cli.exitcodes import ExitCode
from tests.support import requires
from tests.support.service import Person, Service
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.system, pytest.mark.root]

USER_CONTROLLED = "encryption: {policy: user-controlled, initial_state: encrypted}\n"
PASSWORD = "of the chief"  # noqa: S105 - of a machine that is gone after the test
SECONDS = 30.0


@pytest.fixture(scope="module", autouse=True)
def controlled(service: Service) -> Iterator[None]:
    """Leave the state to an administrator, who has a password."""
    requires.command("pkttyagent")
    service.machine.add_user("chief", "--groups=sudo")
    service.machine.run("chpasswd", text=f"chief:{PASSWORD}\n")
    with service.configured("20-controlled", USER_CONTROLLED):
        yield
    service.machine.run("gpasswd", "--delete", "chief", "sudo")


@pytest.fixture(autouse=True)
def encrypted(service: Service) -> Iterator[None]:
    """Begin with an encrypted cache, and leave one."""
    service.machine.run("cscd", "encrypt")
    yield
    service.machine.run("cscd", "encrypt")


def state(service: Service) -> str:
    """Return what the cache shall be."""
    return str(json.loads(service.machine.run("cscd", "status", "--json", check=False).stdout)["state"])


# -- what everybody may ------------------------------------------------------------------------------------


def test_an_ordinary_user_has_their_own_files_encrypted(service: Service, alice: Person, bob: Person) -> None:
    """Nobody else's, and without a password, for the cache is encrypted already."""
    path, other = alice.save("letter", "dear bob\n"), bob.save("letter", "dear alice\n")
    done = service.machine.run("cscd", "encrypt", user=alice.name)
    assert "ERROR_SUCCESS (0)" in done.stdout
    assert (alice.encrypted(path), bob.encrypted(other)) == (True, False)


def test_an_ordinary_user_may_not_change_the_state(service: Service, alice: Person) -> None:
    """And is told who may; nothing was changed."""
    done = service.machine.run("cscd", "unencrypt", user=alice.name, check=False)
    assert done.returncode == ExitCode.PERMISSION
    assert "ERROR_ACCESS_DENIED (5)" in done.stdout
    assert "--console on a terminal, or as root" in done.stdout
    assert state(service) == "encrypted"


def test_two_users_call_at_once(service: Service, alice: Person, bob: Person) -> None:
    """Each gets their own answer about their own files."""
    people = (alice, bob)
    paths = [(each, each.save(f"many/{number}", "text\n")) for each in people for number in range(50)]
    with ThreadPoolExecutor() as threads:
        calls = [
            threads.submit(service.machine.run, "cscd", "encrypt", "--json", user=each.name)
            for each in people
        ]
        reports = [json.loads(call.result().stdout) for call in calls]
    assert [report["calls"][0]["user"] for report in reports] == [alice.name, bob.name]
    assert all(each.encrypted(path) for each, path in paths)


def test_who_is_not_logged_on_is_told_when_the_rest_follows(service: Service, alice: Person) -> None:
    """The service does not stay with users who are not there."""
    path = alice.save("held", "still at work\n")
    with alice.holding(path):
        done = service.machine.run("cscd", "encrypt", user=alice.name, check=False)
    assert done.returncode == ExitCode.PARTIAL
    assert "the service tries again at your next logon" in done.stdout


def test_what_is_open_is_named_with_who_has_it(service: Service, alice: Person) -> None:
    """The rest is done; the service comes back to it by itself."""
    path = alice.save("held", "still at work\n")
    with alice.holding(path) as pid, alice.logged_on():
        done = service.machine.run("cscd", "encrypt", user=alice.name, check=False)
        assert done.returncode == ExitCode.PARTIAL
        assert "ERROR_SHARING_VIOLATION (32)" in done.stdout
        assert f"open in tail (pid {pid})" in done.stdout
    service.machine.run("cscd", "encrypt", user=alice.name)
    assert alice.encrypted(path)


# -- root --------------------------------------------------------------------------------------------------


def test_root_does_it_for_everybody(service: Service, alice: Person, bob: Person) -> None:
    """Who is logged on is done with, and told apart; then for one user by name."""
    path, other = alice.save("letter", "dear bob\n"), bob.save("letter", "dear alice\n")
    with alice.logged_on():
        wait_until(lambda: alice.encrypted(path), "it is encrypted at logon", deadline=SECONDS)
        done = service.machine.run("cscd", "unencrypt", "--all-users")
        assert f"{alice.name}: ERROR_SUCCESS (0)" in done.stdout
        assert not alice.encrypted(path)
    service.machine.run("cscd", "encrypt", "--user", bob.name)
    assert bob.encrypted(other)


def test_the_service_goes_on_for_who_does_not_wait(service: Service, alice: Person) -> None:
    """The command is gone long before a large file is done."""
    path = f"{alice.cache}/large"
    # Made in an instant, as it is one hole; written for seconds, as ciphertext has none.
    alice.shell(f"mkdir -p {alice.cache} && truncate --size=3G {path}")
    done = service.machine.run("cscd", "encrypt", "--no-wait", user=alice.name)
    assert "goes on by itself" in done.stdout
    said = service.machine.run("cscd", "status", user=alice.name, check=False).stdout
    assert re.search(rf"Called +encrypting: {alice.name}", said)
    # Not opened: in the foreground an opener waits for the item, and so would see only its end.
    assert service.machine.path(path).stat().st_size == 3 << 30
    wait_until(lambda: alice.encrypted(path), "the service has gone on", deadline=2 * SECONDS)
    alice.shell(f"rm {path}")


# -- a terminal, and polkit's agent on it ------------------------------------------------------------------


def on_terminal(
    service: Service, person: Person, *options: str, typed: str = "", prompt: str = "Password:"
) -> tuple[int, str]:
    """Have a person call on a terminal, and type something when asked; return exit code and screen."""
    call = f"trap : INT; cscd unencrypt {shlex.join(options)}; echo code $?; stty -a | grep -o -e '-\\?echo '"
    words = ("script", "--quiet", "--return", "--command", f"sh -c {shlex.quote(call)}", "/dev/null")
    with service.machine.running(*words, user=person.name, TERM="xterm") as process:
        assert process.stdin
        assert process.stdout
        shown = ""
        while typed and prompt not in shown and (character := process.stdout.read(1)):
            shown += character
        if typed:
            # The agent throws away what was typed before it asked, and hides what is typed from then on.
            wait_until(lambda: _hidden(service, person), "the password is hidden")
        rest, _ = process.communicate(typed, timeout=SECONDS)
    shown += rest
    (code,) = re.findall(r"code (\d+)", shown)
    assert "-echo" not in shown.rpartition("code ")[2]
    return int(code), shown


def _hidden(service: Service, person: Person) -> bool:
    """Whether the terminal of a person's command shows nothing of what is typed."""
    pid = service.machine.run("pgrep", "--uid", person.name, "--full", "cscd unencrypt").stdout.split()[-1]
    tty = service.machine.run("ps", "--format=tty=", f"--pid={pid}").stdout.strip()
    return " -echo " in service.machine.run("stty", f"--file=/dev/{tty}", "--all").stdout


def test_the_right_password_changes_the_state(service: Service, alice: Person) -> None:
    """Typed on the terminal of who calls, which is as before afterwards."""
    path = alice.save("letter", "dear bob\n")
    service.machine.run("cscd", "encrypt", user=alice.name)
    code, shown = on_terminal(service, alice, "--console", typed=f"{PASSWORD}\n")
    assert code == ExitCode.OK, shown
    assert "ERROR_SUCCESS (0)" in shown
    assert state(service) == "unencrypted"
    assert not alice.encrypted(path)


def test_a_wrong_password_changes_nothing(service: Service, alice: Person) -> None:
    """And the terminal is as it was."""
    code, shown = on_terminal(service, alice, "--console", typed="a guess\n")
    assert code == ExitCode.PERMISSION, shown
    assert "ERROR_ACCESS_DENIED (5)" in shown
    assert state(service) == "encrypted"


def test_ctrl_c_at_the_password_changes_nothing(service: Service, alice: Person) -> None:
    """The command ends, and so does the agent; what is typed is seen again."""
    code, shown = on_terminal(service, alice, "--console", typed="\x03")
    assert code in (ExitCode.CANCELLED, ExitCode.PERMISSION), shown  # whichever hears of it first
    assert state(service) == "encrypted"
    assert not service.machine.run("pgrep", "--exact", "pkttyagent", check=False).stdout


def test_without_an_agent_nobody_is_asked(service: Service, alice: Person) -> None:
    """With --interactive where there is no desktop; and what to do instead is said."""
    code, shown = on_terminal(service, alice, "--interactive")
    assert code == ExitCode.PERMISSION
    assert "on a terminal, --console does" in " ".join(shown.split())
    assert state(service) == "encrypted"


def test_a_missing_agent_is_told(service: Service, alice: Person) -> None:
    """The call is made all the same: it may need no password."""
    done = service.machine.run(
        "/usr/bin/env", "PATH=/nowhere", "/usr/local/bin/cscd", "encrypt", "--console", user=alice.name
    )
    assert "no password can be asked for: pkttyagent" in done.stderr
    assert "ERROR_SUCCESS (0)" in done.stdout


# -- no service, no bus ------------------------------------------------------------------------------------


def test_a_call_starts_the_service(service: Service, alice: Person) -> None:
    """Where it is installed and not masked."""
    service.machine.run("systemctl", "stop", "cscd")
    service.machine.run("cscd", "encrypt", user=alice.name)
    assert service.property("ActiveState") == "active"


def test_a_masked_service_is_not_started(service: Service, alice: Person) -> None:
    """The command says so, and what to do."""
    service.machine.run("systemctl", "stop", "cscd")
    service.machine.run("systemctl", "mask", "--runtime", "cscd")
    try:
        done = service.machine.run("cscd", "encrypt", user=alice.name, check=False)
    finally:
        service.machine.run("systemctl", "unmask", "--runtime", "cscd")
        service.machine.run("systemctl", "start", "cscd")
    assert done.returncode == ExitCode.SERVICE
    assert "cscd recheck --to encrypted DIR" in done.stderr
    assert "could not be started" in done.stderr
