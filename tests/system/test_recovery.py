"""The recovery key on a machine: tried on everybody's files, and put to use when everything else is gone."""

import json

import pytest

from tests.support.service import Person, Service

pytestmark = [pytest.mark.system, pytest.mark.root]

KEY = "/root/recovery.key"
POST_QUANTUM = "/root/post-quantum.key"


def test_a_drill_is_logged_and_the_key_restores_the_files(service: Service, alice: Person) -> None:
    """From the making of the key to a plain copy with its owner, without the service."""
    machine = service.machine
    init = ("cscd", "keys", "recovery-init", "--output")
    recipient = machine.run(*init, KEY).stdout.strip()
    another = machine.run(*init, POST_QUANTUM, "--post-quantum").stdout.strip()
    configuration = f"encryption:\n  recovery_recipients: [{recipient}, {another}]\n"
    with service.configured("50-recovery", configuration):
        path = alice.save("letter", "dear bob\n")
        since = service.now()
        with alice.logged_on():
            since.wait_for("pass_completed", user=alice.name)
        assert alice.encrypted(path)
        assert "never tried" in machine.run("cscd", "status", check=False).stdout
        # Every account's cache; those of other tests were encrypted before there was a recovery key.
        machine.run("cscd", "keys", "recovery-drill", "--identity", KEY, path)
        assert since.wait_for("recovery_drill_passed")["CSCD_ITEMS"] == "1"
        assert "opened all of 1 item" in machine.run("cscd", "status", check=False).stdout
        drawn = machine.run("cscd", "keys", "recovery-drill", "-i", KEY, "--json", check=False)
        assert json.loads(drawn.stdout)["items"] >= 1
        refused = machine.run("cscd", "keys", "recovery-drill", "-i", KEY, path, user=alice.name, check=False)
        assert refused.returncode
    machine.run("systemctl", "stop", "cscd")
    try:
        recover = ("cscd", "recover", "--identity", POST_QUANTUM, "--into", "/srv/recovered")
        machine.run(*recover, f"/home/{alice.name}")
    finally:
        machine.run("systemctl", "start", "cscd")
    copy = f"/srv/recovered/{path.removeprefix('/home/')}"
    assert machine.path(copy).read_text() == "dear bob\n"
    assert machine.run("stat", "--format=%U", copy).stdout.strip() == alice.name
