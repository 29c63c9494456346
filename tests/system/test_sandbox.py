"""The sandbox of the unit, and the drop-ins that the manual gives for what it hides."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.service import Person, Service
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.system, pytest.mark.root]

DROP_IN = "/etc/systemd/system/cscd.service.d/50-test.conf"


@contextmanager
def using(service: Service, setting: str) -> Iterator[None]:
    """Give the unit a drop-in with a setting, as systemctl edit does, until the block ends."""
    path = service.machine.path(DROP_IN)
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"[Service]\n{setting}\n", encoding="utf-8")
    service.machine.run("systemctl", "daemon-reload")
    service.machine.run("systemctl", "restart", "cscd")
    try:
        yield
    finally:
        path.unlink()
        service.machine.run("systemctl", "daemon-reload")
        service.machine.run("systemctl", "restart", "cscd")


def test_nothing_is_tried_that_the_filter_of_system_calls_refuses(service: Service, alice: Person) -> None:
    """It would not show, for such a call fails as if it were not permitted; here it ends the process."""
    held = alice.save("held", "by tail\n")
    with using(service, "SystemCallErrorNumber=kill"):
        before, since = service.pid, service.now()
        with alice.logged_on():
            with alice.holding(held):
                since.wait_for("pass_completed", user=alice.name)
                new = alice.save("new", "while logged on\n")
                since.wait_for("item_encrypted", user=alice.name, path=new)
                service.machine.run("systemctl", "reload", "cscd")
            since.wait_for("item_encrypted", user=alice.name, path=held)
            assert alice.read(held) == "by tail\n"
        last = since.wait_for("pass_started", user=alice.name, trigger="logoff")
        since.wait_for("pass_completed", **{"pass": last["CSCD_PASS"]})
        assert service.pid == before
        assert not since.events("worker_failed")
    assert "SIGSYS" not in service.machine.journal("--unit=cscd")


def test_a_root_that_the_sandbox_hides_is_named_with_the_setting_that_shows_it(
    service: Service, alice: Person
) -> None:
    """Copied into a drop-in, that line lets the files there be encrypted."""
    root = f"/srv/offline/{alice.name}"
    service.machine.run("install", "-d", f"--owner={alice.name}", root)
    alice.shell(f"echo elsewhere >{root}/file")
    with service.configured("70-roots", 'cache:\n  roots: ["/srv/offline/{user}"]\n'):
        since = service.now()
        with alice.logged_on():
            hidden = since.wait_for("root_hidden")
            assert hidden["CSCD_PATH"] == root
            with using(service, hidden["CSCD_SETTING"]):
                since.wait_for("item_encrypted", user=alice.name, path=f"{root}/file")
                assert alice.encrypted(f"{root}/file")


def test_metrics_are_written_where_the_node_exporter_reads(service: Service) -> None:
    """Its directory, as its package makes it, needs no drop-in; who reads there may read them."""
    directory = "/var/lib/prometheus/node-exporter"
    service.machine.run("install", "-d", directory)
    service.configure("80-metrics", "metrics:\n  enabled: true\n  interval: 5s\n")
    service.machine.run("systemctl", "restart", "cscd")
    file = f"{directory}/cscd.prom"
    wait_until(service.machine.path(file).exists, "the metrics are written", deadline=30.0)
    assert "cscd_" in service.machine.run("cat", file, user="nobody").stdout
    service.machine.path("/etc/cscd/cscd.yaml.d/80-metrics.yaml").unlink()
    service.machine.run("systemctl", "restart", "cscd")


def test_a_home_that_is_mounted_later_is_waited_for(service: Service, bob: Person) -> None:
    """It is writable to the service, wherever it lies, and its files are encrypted once it is there."""
    service.machine.run("install", "-d", f"--owner={bob.name}", "--mode=0700", "/late")
    service.machine.run("usermod", "--home", "/late/home", bob.name)
    since = service.now()
    with bob.logged_on():
        since.wait_for("root_awaited", user=bob.name)
        service.machine.run("mount", "-t", "tmpfs", "-o", f"mode=0755,uid={bob.name}", "tmpfs", "/late")
        bob.shell("mkdir -p /late/home/.cache/cscd && echo late >/late/home/.cache/cscd/file")
        since.wait_for("root_found", user=bob.name, deadline=30.0)
        since.wait_for("item_encrypted", user=bob.name, deadline=30.0)
        assert bob.encrypted("/late/home/.cache/cscd/file")
