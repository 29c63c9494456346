"""The service on a machine of its own: what users and administrators see of it, from logon to logoff."""

import re

import pytest

from tests.support.service import Person, Service
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.system, pytest.mark.root]


def test_it_starts_and_says_so(service: Service) -> None:
    """To systemd, when it is ready, and to everybody who asks."""
    assert service.property("ActiveState") == "active"
    assert service.property("NRestarts") == "0"
    told = service.machine.run("cscd", "status", check=False).stdout
    assert re.search(r"^Policy +encrypted", told, re.MULTILINE)


def test_everybody_can_ask_it_on_the_bus_and_only_it_can_have_its_name(
    service: Service, alice: Person
) -> None:
    """By the policy that was installed; who asks while it is stopped starts it."""
    service.machine.run("systemctl", "stop", "cscd")
    name, path, interface = "org.cscd.OfflineFiles1", "/org/cscd/OfflineFiles1", "org.cscd.OfflineFilesCache1"
    asked = ("busctl", "call", name, path, interface, "GetEncryptionStatus")
    assert re.fullmatch(r"bb true (true|false)\n", service.machine.run(*asked, user=alice.name).stdout)
    assert service.property("ActiveState") == "active"
    own = ("org.freedesktop.DBus", "/", "org.freedesktop.DBus", "RequestName", "su", name, "0")
    refused = service.machine.run("busctl", "call", *own, user=alice.name, check=False)
    assert "Access denied" in refused.stderr


def test_files_are_encrypted_at_logon_and_nobody_elses(service: Service, alice: Person, bob: Person) -> None:
    """Those of the user who logs on, whole and with their permissions; another user's stay as they are."""
    path, other = alice.save("letter", "dear bob\n"), bob.save("letter", "dear alice\n")
    alice.shell(f"chmod 0640 {path}")
    since = service.now()
    with alice.logged_on():
        since.wait_for("session_opened", user=alice.name)
        since.wait_for("key_created", user=alice.name)
        done = since.wait_for("pass_completed", user=alice.name)
        assert (done["CSCD_GOAL"], done["CSCD_PARTIAL"]) == ("encrypted", "false")
        assert alice.encrypted(path)
        assert alice.read(path) == "dear bob\n"
        assert (
            service.machine.run("stat", "--format=%U %G %a", path).stdout
            == f"{alice.name} {alice.name} 640\n"
        )
    assert service.machine.path(other).read_text() == "dear alice\n"
    assert not since.events("pass_started", user=bob.name)


def test_another_user_cannot_read_them(service: Service, alice: Person, bob: Person) -> None:
    """Neither where they are nor where a copy lies open to everybody."""
    path = alice.save("secret", "for my eyes\n")
    since = service.now()
    with alice.logged_on(), bob.logged_on():
        since.wait_for("pass_completed", user=alice.name)
        since.wait_for("pass_completed", user=bob.name)
        service.machine.run("install", "--mode=0644", path, "/srv/copy")
        for file in (path, "/srv/copy"):
            done = service.machine.run("cscd", "cat", file, user=bob.name, check=False)
            assert done.returncode
            assert "for my eyes" not in done.stdout + done.stderr
        assert service.machine.run("cscd", "cat", "/srv/copy", user=alice.name).stdout == "for my eyes\n"


def test_a_file_held_open_is_skipped_by_name_and_done_on_close(service: Service, alice: Person) -> None:
    """The log says which, why and who holds it; once it is closed it is tried at once."""
    path = alice.save("held", "still at work\n")
    since = service.now()
    with alice.holding(path) as pid, alice.logged_on():
        skipped = since.wait_for("item_skipped", user=alice.name, path=path)
        assert skipped["CSCD_REASON"] == "open_elsewhere"
        assert skipped["CSCD_HOLDERS"] == f'{{"pid":{pid},"command":"tail"}}'
        assert not alice.encrypted(path)
        done = since.wait_for("pass_completed", user=alice.name)
        assert (done["CSCD_PARTIAL"], done["CSCD_PENDING"]) == ("true", "1")
        told = ("cscd", "status")
        wait_until(
            lambda: "tail" in service.machine.run(*told, user=alice.name, check=False).stdout,
            "the status names tail",
        )
        service.machine.run("kill", str(pid))
        resolved = since.wait_for("item_resolved", user=alice.name, path=path)
        assert resolved["CSCD_OUTCOME"] == "encrypted"
        assert alice.encrypted(path)


def test_new_files_follow(service: Service, alice: Person) -> None:
    """Soon after they are closed, also in directories that were not there before."""
    since = service.now()
    with alice.logged_on():
        since.wait_for("pass_completed", user=alice.name)
        for name in ("new", "not/there/before"):
            path = alice.save(name, f"{name}\n")
            wait_until(lambda path=path: alice.encrypted(path), f"{path} is encrypted")  # type: ignore[misc]
            assert alice.read(path) == f"{name}\n"


def test_a_policy_is_in_force_at_reload(service: Service, alice: Person) -> None:
    """For who is logged on; and back again."""
    path = alice.save("either", "one or the other\n")
    since = service.now()
    with alice.logged_on():
        since.wait_for("pass_completed", user=alice.name, goal="encrypted")
        assert alice.encrypted(path)
        with service.configured("50-policy", "encryption:\n  policy: unencrypted\n"):
            changed = since.wait_for("policy_changed")
            assert (changed["CSCD_BEFORE"], changed["CSCD_AFTER"]) == ("encrypted", "unencrypted")
            since.wait_for("pass_completed", user=alice.name, goal="unencrypted")
            assert service.machine.path(path).read_text() == "one or the other\n"
            since = service.now()
        since.wait_for("pass_completed", user=alice.name, goal="encrypted")
        assert alice.encrypted(path)


def test_a_bad_configuration_is_refused_at_reload(service: Service) -> None:
    """The log and systemctl say why and where, and the service goes on with the one that it has."""
    before, since = service.pid, service.now()
    service.configure("60-bad", "encryption:\n  polizy: encrypted\n")
    try:
        assert service.machine.run("systemctl", "reload", "cscd", check=False).returncode
        rejected = since.wait_for("config_rejected")
        assert rejected["CSCD_PATH"].endswith("/60-bad.yaml")
        assert (rejected["CSCD_LINE"], rejected["CSCD_COLUMN"]) == ("2", "3")
        told = service.machine.run("systemctl", "status", "--full", "cscd", check=False).stdout
        assert "60-bad.yaml:2:3: encryption.polizy" in told
        assert (service.property("ActiveState"), service.pid) == ("active", before)
    finally:
        service.machine.run("rm", "/etc/cscd/cscd.yaml.d/60-bad.yaml")
    service.machine.run("systemctl", "reload", "cscd")


def test_with_a_bad_configuration_it_does_not_start_and_is_not_started_again(service: Service) -> None:
    """Until somebody has corrected it; systemctl shows where."""
    service.configure("60-bad", "cache:\n  roots: [relative]\n")
    assert service.machine.run("systemctl", "restart", "cscd", check=False).returncode
    try:
        told = service.machine.run("systemctl", "status", "--full", "cscd", check=False).stdout
        assert "60-bad.yaml:2:11: cache.roots" in told
        assert (service.property("ActiveState"), service.property("NRestarts")) == ("failed", "0")
    finally:
        service.machine.run("rm", "/etc/cscd/cscd.yaml.d/60-bad.yaml")
    service.machine.run("systemctl", "start", "cscd")


def test_what_is_open_until_the_logoff_is_done_then(service: Service, alice: Person) -> None:
    """With one more pass, after which no process of the service is left as that user."""
    path = f"{alice.cache}/diary"
    alice.shell(f"mkdir -p {alice.cache}")
    since = service.now()
    session = service.machine.log_on(alice.name, first=f"exec 3>{path}; echo open to the end >&3")
    try:
        since.wait_for("pass_completed", user=alice.name)
        assert not alice.encrypted(path)
    finally:
        session.log_off()
    since.wait_for("session_closed", user=alice.name)
    last = since.wait_for("pass_started", user=alice.name, trigger="logoff")
    done = since.wait_for("pass_completed", **{"pass": last["CSCD_PASS"]})
    assert done["CSCD_PARTIAL"] == "false"
    assert alice.encrypted(path)
    assert alice.read(path) == "open to the end\n"
    wait_until(lambda: not service.workers(alice.name), "the user's worker has ended")


def test_the_journal_answers_by_field_and_explains(service: Service, alice: Person) -> None:
    """By the fields that the manual names, and with what an event means and what to do."""
    path = alice.save("held", "still at work\n")
    since = service.now()
    with alice.holding(path), alice.logged_on():
        since.wait_for("item_skipped", user=alice.name)
    fields = (f"CSCD_USER={alice.name}", "CSCD_EVENT=item_skipped")
    lines = service.machine.journal("--unit=cscd", "--output=cat", *fields).splitlines()
    assert any(re.search(r"/held: skipped, open elsewhere by tail\[\d+]", line) for line in lines)
    explained = service.machine.journal("--catalog", "--unit=cscd", *fields)
    assert f"Subject: Item skipped ({alice.name})" in explained
    assert "An item is left as it is for now" in explained
    assert "it is tried again" in explained
    summary = service.machine.run("cscd", "logs", "--user", alice.name, "--summary").stdout
    assert "held" in summary
