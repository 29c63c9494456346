"""The machine key of a running service, out of its file and into a credential, and back."""

import json
import re
from collections.abc import Iterator

import pytest

from cscd.cli.exitcodes import ExitCode
from tests.support.installation import ROOT
from tests.support.service import Person, Service

pytestmark = [pytest.mark.system, pytest.mark.root]

FILE = "/var/lib/cscd/machine.key"
COPY = "/root/machine.key"
DROP_IN = "/etc/systemd/system/cscd.service.d/50-machine-key.conf"
CREDENTIAL = "/etc/credstore.encrypted/cscd.machine-key"


@pytest.fixture
def restored(service: Service) -> Iterator[Service]:
    """Give the service, and put its machine key back afterwards, as the manual says it for a lost TPM."""
    yield service
    machine = service.machine
    if not machine.path(FILE).exists():
        machine.run("install", "--mode=600", COPY, FILE)
    machine.run("rm", "--force", COPY, DROP_IN, CREDENTIAL)
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "restart", "cscd")


def test_the_service_goes_on_with_the_credential_alone(restored: Service, alice: Person) -> None:
    """It has it when the file is gone, a user's key opens with it, and the log says so."""
    machine = restored.machine
    path = alice.save("letter", "dear bob\n")
    since = restored.now()
    with alice.logged_on():
        since.wait_for("pass_completed", user=alice.name)
    assert alice.encrypted(path)
    key = machine.path(FILE).read_bytes()
    command = "cscd keys machine seal --copy " + COPY
    asked = ("script", "--quiet", "--return", "--command", command, "/dev/null")
    assert machine.run(*asked, text="no\n", check=False).returncode == ExitCode.CANCELLED
    machine.run("systemctl", "stop", "cscd")
    assert machine.run(*asked, check=False).returncode == ExitCode.SERVICE
    machine.run("systemctl", "start", "cscd")
    assert machine.path(FILE).read_bytes() == key
    manual = (ROOT / "docs" / "service.md").read_text(encoding="utf-8")
    told = re.search(r"^    sudo (cscd keys machine seal --copy) machine\.key$", manual, re.MULTILINE)
    assert told
    sealed = machine.run(*told[1].split(), COPY, "--yes", "--json")
    assert json.loads(sealed.stdout)["credential"]["text"] == CREDENTIAL
    assert "sealed as the credential cscd.machine-key" in machine.journal("CSCD_EVENT=machine_key_sealed")
    assert not machine.path(FILE).exists()
    assert machine.path(COPY).read_bytes().splitlines()[-1] == key.splitlines()[-1]
    since = restored.now()
    with alice.logged_on():
        after = alice.save("after", "by the credential\n")
        since.wait_for("item_encrypted", user=alice.name, path=after)
        assert machine.run("cscd", "cat", path, user=alice.name).stdout == "dear bob\n"
        assert alice.read(after) == "by the credential\n"
    machine.run("systemctl", "restart", "cscd")
    assert not machine.path(FILE).exists()
    again = machine.run("cscd", "keys", "machine", "seal", "--yes")
    assert CREDENTIAL in again.stdout.replace("\n", " ")


def test_two_keys_that_differ_stop_the_service(restored: Service) -> None:
    """It says which, instead of choosing one; nobody's key is made or lost meanwhile."""
    machine = restored.machine
    machine.run("cscd", "keys", "machine", "seal", "--yes", "--copy", COPY)
    other = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX\n"
    machine.run("install", "--mode=600", "/dev/stdin", FILE, text=other)
    assert machine.run("systemctl", "restart", "cscd", check=False).returncode
    assert "holds another key" in machine.journal("--unit=cscd", "--output=cat")
    machine.run("rm", FILE)
    machine.run("systemctl", "reset-failed", "cscd")
