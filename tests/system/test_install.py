"""`make install` and `make uninstall` by the commands of the manual, in the order of a machine's life."""

import re
import subprocess

import pytest

from tests.support import requires
from tests.support.installation import ROOT, SOURCES, documented, make
from tests.support.machine import Machine

pytestmark = [pytest.mark.system, pytest.mark.root]

CONFIGURATION = "/etc/cscd/cscd.yaml"


@pytest.fixture(scope="module")
def before(sources: Machine) -> set[str]:
    """List what was there before the installation."""
    return files(sources)


@pytest.fixture(scope="module")
def installed(sources: Machine, before: set[str]) -> Machine:
    """Install by the commands of the manual, as a root whose new files are closed to others."""
    assert not any("cscd" in path for path in before)
    for command in documented("## Install"):
        if command[0] == "make":
            make(sources, *command[1:], umask=0o077)
        else:
            sources.run(*command)
    return sources


def files(machine: Machine) -> set[str]:
    """Return the paths of all files and links where an installation may add some."""
    system = ("/usr/local", "/usr/lib/systemd", "/usr/share/polkit-1", "/etc/systemd", "/etc/dbus-1")
    pam = ("/usr/share/pam-configs", "/etc/pam.d")
    places = (*system, *pam, "/etc/logrotate.d", "/etc/cscd", "/var/lib/cscd", "/var/log/cscd")
    found = machine.run("find", *places, "-not", "-type", "d", check=False).stdout
    return set(found.splitlines())


def test_every_user_has_the_command(installed: Machine) -> None:
    """Also one who may not even look into the directory of the sources."""
    installed.add_user("fritz")
    installed.run("chmod", "0700", SOURCES)
    assert installed.run("cscd", "--version", user="fritz").stdout.startswith("cscd ")
    installed.run("chmod", "0755", SOURCES)


def test_nothing_but_the_installation_decides_what_is_run(installed: Machine) -> None:
    """Neither a variable of the environment nor the directory at hand."""
    installed.run("mkdir", "-p", "/opt/other/cscd")
    installed.path("/opt/other/cscd/__init__.py").write_text("raise SystemExit('another cscd')")
    command = ("sh", "-c", "cd /opt/other && cscd --version")
    assert installed.run(*command, PYTHONPATH="/opt/other").stdout.startswith("cscd ")


def test_the_shipped_configuration_is_right(installed: Machine) -> None:
    """It is there, root's, and without a complaint."""
    assert installed.run("stat", "--format=%U %a", CONFIGURATION).stdout == "root 644\n"
    assert installed.run("cscd", "config", "check").stdout == "ok\n"


def test_systemd_has_nothing_to_say_about_the_unit(installed: Machine) -> None:
    """Neither an unknown setting nor a command that is not there."""
    done = installed.run("systemd-analyze", "verify", "cscd.service")
    assert (done.stdout, done.stderr) == ("", "")
    assert installed.run("systemctl", "is-enabled", "cscd").stdout == "enabled\n"
    assert installed.run("systemctl", "is-active", "cscd").stdout == "active\n"


def test_the_service_is_exposed_no_more_than_the_manual_says(installed: Machine) -> None:
    """By systemd's own measure, and not beyond 2.0."""
    done = installed.run("systemd-analyze", "security", "--threshold=20", "cscd.service")
    found = re.search(r"Overall exposure level for cscd.service: (\S+)", done.stdout)
    assert found
    manual = (ROOT / "docs" / "service.md").read_text(encoding="utf-8")
    assert f"`systemd-analyze security cscd` says {found[1]}, of 10" in manual


def test_man_finds_the_pages(installed: Machine) -> None:
    """Of the command, the configuration and the service."""
    requires.command("man")
    for section, page in (("1", "cscd"), ("5", "cscd.yaml"), ("8", "cscd"), ("8", "cscd-pam")):
        found = installed.run("man", "--where", section, page).stdout
        assert installed.run("realpath", found.strip()).stdout == (
            f"/usr/local/share/man/man{section}/{page}.{section}\n"
        )


def test_pam_runs_it_when_it_is_switched_on(installed: Machine) -> None:
    """By the command of the manual, and not before; what it runs is there."""
    stacks = ("/etc/pam.d/common-auth", "/etc/pam.d/common-password")
    assert not any("cscd" in installed.path(stack).read_text() for stack in stacks)
    installed.run("pam-auth-update", "--enable", "cscd")
    for stack in stacks:
        text = installed.path(stack).read_text()
        (line,) = re.findall(r"(?m)^\S+\s+\[default=ignore\]\s+\S*/pam_cscd.so .*cscd.*$", text)
        module, program = line.split()[-2:]
        installed.run("test", "-f", module)
        assert installed.run(program, PAM_TYPE="open_session", PAM_USER="root").stdout == ""


def test_without_a_compiler_pam_has_what_it_has(sources: Machine) -> None:
    """The profile names pam_exec.so then, and the installation says so."""
    told = make(sources, "install", "DESTDIR=/root/stage", CC="/nowhere/cc")
    assert "Without the PAM module" in told
    profile = sources.path("/root/stage/usr/share/pam-configs/cscd").read_text()
    (line, _) = re.findall(r"(?m)^\t\[default=ignore\]\t(.*)$", profile)
    assert line == "pam_exec.so quiet seteuid expose_authtok stdout /usr/local/lib/cscd/bin/cscd-pam"


def test_the_journal_can_explain_the_events(installed: Machine) -> None:
    """The catalogue that journalctl -x reads has them."""
    catalogue = (ROOT / "systemd" / "cscd.catalog").read_text(encoding="utf-8")
    identifiers = set(re.findall(r"^-- ([0-9a-f]{32})$", catalogue, re.MULTILINE))
    listed = installed.run("journalctl", "--list-catalog", "--no-pager").stdout
    assert identifiers
    assert identifiers <= set(re.findall(r"^[0-9a-f]{32}", listed, re.MULTILINE))


def test_everything_is_compiled_and_says_where_it_is(installed: Machine) -> None:
    """For no user may write there; and a traceback names the file, not where it was made."""
    program = """
        import marshal, pathlib, importlib.util, sys
        for path in pathlib.Path("/usr/local/lib/cscd/lib").rglob("*.py"):
            with open(importlib.util.cache_from_source(str(path)), "rb") as compiled:
                compiled.seek(16)
                assert marshal.load(compiled).co_filename == str(path), path
            print(path)
    """
    code = re.sub(r"^ {8}", "", program, flags=re.MULTILINE)
    assert "cscd/cli/main.py" in installed.run("/usr/local/lib/cscd/bin/python", "-c", code).stdout


def test_installing_again_leaves_the_configuration_as_the_administrator_wrote_it(installed: Machine) -> None:
    """The defaults of the new version lie beside it, where the message says."""
    installed.path(CONFIGURATION).write_text("encryption:\n  policy: encrypted\n")
    told = make(installed, "install")
    assert "Left as it is: /etc/cscd/cscd.yaml" in told
    assert installed.path(CONFIGURATION).read_text() == "encryption:\n  policy: encrypted\n"
    defaults = installed.path("/usr/local/share/doc/cscd/cscd.yaml").read_bytes()
    assert defaults == (ROOT / "config" / "cscd.yaml").read_bytes()


def test_an_installation_that_fails_leaves_the_one_before_at_work(installed: Machine) -> None:
    """Without the packages, for example, and without leftovers."""
    before = files(installed)
    done = installed.run("make", f"--directory={SOURCES}", "install", check=False, PIP_NO_INDEX="1")
    assert done.returncode
    assert files(installed) == before
    installed.run("cscd", "--version")


def test_a_python_out_of_reach_is_refused(installed: Machine) -> None:
    """Before anything is touched, with the reason."""
    installed.run("install", "-D", "--mode=0755", "/usr/bin/python3", "/root/bin/python3")
    told = make(installed, "install", "SERVICE_PYTHON=/root/bin/python3", check=False)
    assert "/root/bin/python3 is not within reach of other users: /root" in told
    installed.run("cscd", "--version")


def test_uninstalling_leaves_configuration_and_data_alone(installed: Machine, before: set[str]) -> None:
    """The program, the unit and all that came with them are gone, the keys are not."""
    installed.run("install", "-D", "--mode=0600", "/dev/null", "/var/lib/cscd/keys/1000/kept")
    installed.run("install", "-D", "/dev/null", "/var/log/cscd/cscd.jsonl")
    (command, *_) = documented("## Remove")
    told = make(installed, *command[1:])
    assert installed.run("grep", "--recursive", "cscd", "/etc/pam.d", check=False).stdout == ""
    assert "/var/lib/cscd" in told
    kept = {CONFIGURATION, "/var/lib/cscd/keys/1000/kept", "/var/log/cscd/cscd.jsonl"}
    left = files(installed) - before
    assert kept <= left
    assert all(path.startswith(("/etc/cscd/", "/var/lib/cscd/", "/var/log/cscd/")) for path in left)
    assert installed.run("systemctl", "status", "cscd", check=False).returncode == 4
    listed = installed.run("journalctl", "--list-catalog", "--no-pager").stdout
    assert " cscd:" not in listed


def test_a_package_can_be_made_of_it_by_anybody(sources: Machine) -> None:
    """With DESTDIR it needs no root, starts nothing, and nothing in it says where it was."""
    sources.add_user("gerda")
    stage = "/home/gerda/stage"
    make(sources, "install", f"DESTDIR={stage}", "prefix=/opt/cscd", user="gerda")
    assert sources.run("grep", "-r", "gerda", stage, check=False).returncode == 1
    sources.run("cp", "--archive", "--no-preserve=ownership", f"{stage}/opt", "/")
    assert sources.run("/opt/cscd/bin/cscd", "--version").stdout.startswith("cscd ")
    unit = sources.path(f"{stage}/usr/local/lib/systemd/system/cscd.service").read_text(encoding="utf-8")
    assert "ExecStart=/opt/cscd/bin/cscd run" in unit
    make(sources, "uninstall", f"DESTDIR={stage}", "prefix=/opt/cscd", user="gerda")
    left = sources.run("find", stage, "-type", "f").stdout.split()
    assert left == [f"{stage}{CONFIGURATION}"]


@pytest.mark.parametrize("script", ["deb", "environment", "install", "module", "places.sh", "uninstall"])
def test_the_scripts_have_no_known_traps(script: str) -> None:
    """By shellcheck's judgement."""
    requires.command("shellcheck")
    done = subprocess.run(
        ["shellcheck", "--external-sources", f"packaging/{script}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
