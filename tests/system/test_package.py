"""The Debian package: made by one command, installed, updated, removed and purged, in that order."""

import re

import pytest

from tests.support import requires
from tests.support.installation import SOURCES, make
from tests.support.machine import Machine

pytestmark = [pytest.mark.system, pytest.mark.root]

CONFIGURATION = "/etc/cscd/cscd.yaml"
APT = ("apt-get", "--quiet", "--quiet", "--yes", "-o", "Dpkg::Options::=--force-confold")
"""Without questions: what the administrator has changed stays, as it does by the question's default."""


@pytest.fixture(scope="module")
def package(sources: Machine) -> str:
    """Make the package, as anybody could who has the sources."""
    requires.command("dpkg-deb", "apt-get")
    told = make(sources, "deb", "--silent", DPKG_DEB_COMPRESSOR_LEVEL="1")  # the best one takes long
    return f"{SOURCES}/{told.splitlines()[-1]}"


@pytest.fixture(scope="module")
def installed(sources: Machine, package: str) -> Machine:
    """Install it."""
    # The index of all manual pages takes longer than the package.
    sources.run("rm", "--force", "/var/lib/man-db/auto-update")
    apt(sources, "install", package)
    return sources


def apt(machine: Machine, *arguments: str) -> str:
    """Run apt-get without questions and return what it printed."""
    done = machine.run(*APT, *arguments, DEBIAN_FRONTEND="noninteractive", timeout=120.0)
    return done.stdout + done.stderr


def pid(machine: Machine) -> str:
    """Return the process id of the service, 0 if it does not run."""
    return machine.run("systemctl", "show", "--property=MainPID", "--value", "cscd").stdout.strip()


def newer(machine: Machine, package: str) -> str:
    """Make a package of the next version, with other defaults, from this one."""
    machine.run("dpkg-deb", "--raw-extract", package, "/root/newer")
    control = machine.path("/root/newer/DEBIAN/control")
    control.write_text(re.sub(r"(?m)^Version: (.*)-1$", r"Version: \1-2", control.read_text()))
    with machine.path("/root/newer/etc/cscd/cscd.yaml").open("a") as defaults:
        defaults.write("# newer\n")
    machine.run(
        "dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", "/root/newer", "/root/newer.deb"
    )
    return "/root/newer.deb"


def test_lintian_has_nothing_to_say(sources: Machine, package: str) -> None:
    """Debian's own checker of packages, with overrides that have their reasons beside them."""
    requires.command("lintian")
    done = sources.run(
        "lintian", "--allow-root", "--fail-on=error,warning", package, check=False, timeout=120.0
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_it_installs(installed: Machine) -> None:
    """Every user has the command, compiled; dpkg finds every file as it was packed."""
    installed.add_user("fritz")
    assert installed.run("cscd", "--version", user="fritz").stdout.startswith("cscd ")
    assert installed.run("cscd", "config", "check").stdout == "ok\n"
    assert installed.run("dpkg", "--verify", "cscd").stdout == ""
    compiled = "/usr/lib/cscd/lib/python3*/site-packages/cscd/cli/__pycache__/main.*.pyc"
    installed.run("sh", "-c", f"ls {compiled}")


def test_the_service_is_enabled_as_debian_has_it(installed: Machine) -> None:
    """And started, by the installation; the unit names the command where the package has it."""
    assert installed.run("systemctl", "is-enabled", "cscd").stdout == "enabled\n"
    assert installed.run("systemctl", "is-active", "cscd").stdout == "active\n"
    assert "path=/usr/bin/cscd" in installed.run("systemctl", "show", "--property=ExecStart", "cscd").stdout


def test_the_journal_can_explain_the_events(installed: Machine) -> None:
    """The catalogue that journalctl -x reads has them."""
    assert " cscd:" in installed.run("journalctl", "--list-catalog", "--no-pager").stdout


def test_pam_runs_it_when_it_is_switched_on(installed: Machine) -> None:
    """And not before."""
    stack = installed.path("/etc/pam.d/common-auth")
    assert "cscd" not in stack.read_text()
    installed.run("pam-auth-update", "--enable", "cscd")
    assert "/usr/lib/cscd/bin/cscd-pam" in stack.read_text()
    done = installed.run("/usr/lib/cscd/bin/cscd-pam", PAM_TYPE="auth", PAM_USER="root", check=False)
    assert (done.stdout, done.stderr) == ("", "")


def test_an_update_keeps_what_the_administrator_decided(installed: Machine, package: str) -> None:
    """The configuration as it was written, and the service not enabled; it is started anew."""
    before = pid(installed)
    installed.path(CONFIGURATION).write_text("encryption:\n  policy: encrypted\n")
    installed.run("systemctl", "disable", "cscd")
    apt(installed, "install", newer(installed, package))
    assert installed.run("dpkg-query", "--show", "-f=${Version}", "cscd").stdout.endswith("-2")
    assert installed.path(CONFIGURATION).read_text() == "encryption:\n  policy: encrypted\n"
    assert installed.path(f"{CONFIGURATION}.dpkg-dist").read_text().endswith("# newer\n")
    assert installed.run("systemctl", "is-enabled", "cscd", check=False).stdout == "disabled\n"
    assert "cscd-pam" in installed.path("/etc/pam.d/common-password").read_text()
    assert pid(installed) not in ("0", before)


def test_removing_leaves_configuration_and_data(installed: Machine) -> None:
    """The program is gone, to the last compiled file."""
    installed.run("install", "-D", "--mode=0600", "/dev/null", "/var/lib/cscd/keys/1000/kept")
    installed.run("install", "-D", "/dev/null", "/var/log/cscd/cscd.jsonl")
    apt(installed, "remove", "cscd")
    assert not installed.path("/usr/lib/cscd").exists()
    assert installed.run("grep", "--recursive", "cscd", "/etc/pam.d", check=False).stdout == ""
    assert pid(installed) == "0"
    for kept in (CONFIGURATION, "/var/lib/cscd/keys/1000/kept", "/var/log/cscd/cscd.jsonl"):
        assert installed.path(kept).exists()


def test_purging_leaves_keys_and_says_so(installed: Machine) -> None:
    """Configuration and logs go; what is encrypted can be read with the keys alone."""
    told = apt(installed, "purge", "cscd")
    assert "/var/lib/cscd is left in place" in told
    assert installed.path("/var/lib/cscd/keys/1000/kept").exists()
    assert not installed.path("/etc/cscd").exists()
    assert not installed.path("/var/log/cscd").exists()


def test_purging_what_has_no_key_leaves_nothing(installed: Machine, package: str) -> None:
    """As after an installation that was only looked at: the script says so that dpkg runs then."""
    installed.run("rm", "-r", "/var/lib/cscd/keys")
    installed.run("touch", "/var/lib/cscd/state.db", "/var/lib/cscd/machine.key")
    installed.run("dpkg-deb", "--control", package, "/root/control")
    installed.run("/root/control/postrm", "purge")
    assert not installed.path("/var/lib/cscd").exists()
