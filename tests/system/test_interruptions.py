"""The service is stopped, killed, frozen in the middle of its work: nothing is lost, and it goes on."""

import time
from dataclasses import dataclass

import pytest

from tests.support.service import Person, Service
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.system, pytest.mark.root]

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Large:
    """A large file in a user's cache, none of it a hole."""

    person: Person
    path: str
    checksum: str

    @classmethod
    def written(cls, person: Person, name: str, size: int) -> "Large":
        """Write that many bytes."""
        path = f"{person.cache}/{name}"
        content = f"head --bytes={size} /dev/zero | tr '\\0' x"
        checksum = person.shell(f"mkdir -p {person.cache} && {content} | tee {path} | sha1sum && sync {path}")
        return cls(person, path, checksum)

    def encrypted(self) -> bool:
        """Whether it is."""
        return self.person.encrypted(self.path)

    def whole(self) -> bool:
        """Whether it still has what was written, in whichever state it is."""
        reader = "cscd cat" if self.encrypted() else "cat"
        return self.person.shell(f"{reader} {self.path} | sha1sum") == self.checksum

    def alone(self) -> bool:
        """Whether nothing else lies in the cache."""
        return self.person.shell(f"ls --almost-all {self.person.cache}") == f"{self.path.split('/')[-1]}\n"


def test_killed_in_a_pass_it_is_started_again_and_goes_on(service: Service, alice: Person) -> None:
    """By systemd; its processes end with it, the file is whole, and nothing is left lying about."""
    file = Large.written(alice, "killed", 256 * MIB)
    since = service.now()
    with alice.logged_on():
        first = since.wait_for("pass_started", user=alice.name)
        before = service.pid
        workers = service.workers(alice.name)
        service.machine.run("kill", "-KILL", str(before))
        since.wait_for("service_started")
        assert service.pid not in (0, before)
        assert service.property("NRestarts") == "1"
        assert not since.events("pass_completed", **{"pass": first["CSCD_PASS"]})
        assert not workers & service.workers(alice.name)
        done = since.wait_for("pass_completed", user=alice.name, deadline=60.0)
        assert done["CSCD_PARTIAL"] == "false"
        assert file.encrypted()
        assert file.whole()
        assert file.alone()
    service.machine.run("systemctl", "reset-failed", "cscd")


def test_it_stops_within_five_seconds_in_the_middle_of_a_large_file(service: Service, bob: Person) -> None:
    """The file is whole; who is logged on at the next start is noticed, and the pass is made then."""
    file = Large.written(bob, "stopped", 1024 * MIB)
    since = service.now()
    with bob.logged_on():
        started = since.wait_for("pass_started", user=bob.name)
        wait_until(lambda: len(service.workers(bob.name)) > 2, "converters are at work")
        begun = time.monotonic()
        service.machine.run("systemctl", "stop", "cscd")
        assert time.monotonic() - begun < 5.0
        assert since.events("service_stopped")
        assert since.events("pass_stopped", **{"pass": started["CSCD_PASS"]})
        assert service.property("Result") == "success"
        assert not file.encrypted()
        assert file.whole()
        assert file.alone()
        since = service.now()
        service.machine.run("systemctl", "start", "cscd")
        since.wait_for("session_opened", user=bob.name)
        since.wait_for("pass_completed", user=bob.name, deadline=90.0)
        assert file.encrypted()
        assert file.whole()
        bob.shell(f"rm {file.path}")


def test_a_service_that_hangs_is_ended_and_started_again(service: Service) -> None:
    """By systemd's watchdog, which the service feeds from the loop that does the work."""
    drop_in = service.machine.path("/run/systemd/system/cscd.service.d/watchdog.conf")
    drop_in.parent.mkdir(parents=True)
    drop_in.write_text("[Service]\nWatchdogSec=2s\n", encoding="ascii")
    service.machine.run("systemctl", "daemon-reload")
    service.machine.run("systemctl", "restart", "cscd")
    before, since = service.pid, service.now()
    service.machine.run("kill", "-STOP", str(before))
    since.wait_for("service_started", deadline=30.0)
    assert service.pid not in (0, before)
    drop_in.unlink()
    service.machine.run("systemctl", "daemon-reload")
    service.machine.run("systemctl", "reset-failed", "cscd")
    service.machine.run("systemctl", "restart", "cscd")
