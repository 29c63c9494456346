"""The sources on a machine of `container`, and what it takes to install from them without a network."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import requires
from tests.support.machine import Machine

ROOT = Path(__file__).parent.parent.parent
SOURCES = "/usr/src/cscd"
"""Where they are on the machine."""
WHEELS = "/usr/src/wheels"
PYTHON = "/usr/bin/python3"
"""What the service runs on there."""

OFFLINE = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": WHEELS}
"""For pip: take the packages from here alone. Their hashes are checked all the same."""


def download(directory: Path) -> Path:
    """Put the locked packages for the machine's Python into a directory, as the network has them."""
    requires.command("make", PYTHON)
    version = subprocess.check_output(
        [PYTHON, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], text=True
    ).strip()
    if subprocess.run([PYTHON, "-c", "import ensurepip"], capture_output=True, check=False).returncode:
        pytest.skip(f"needs the Debian package python3-venv: {requires.PROVISION}")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "download"]
    which = ["--only-binary=:all:", f"--python-version={version}", "--require-hashes", f"--dest={directory}"]
    locked = [f"--requirement={ROOT}/requirements/{name}.txt" for name in ("build", "run")]
    done = subprocess.run([*pip, *which, *locked], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return directory


def provide(machine: Machine, wheels: Path) -> None:
    """Copy the sources as they are here, and the packages, to a machine; only root may write there."""
    sources = machine.path(SOURCES)
    sources.mkdir(parents=True)
    ours = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(ours, capture_output=True, check=True).stdout.rstrip(b"\0").split(b"\0")
    for name in map(bytes.decode, names):
        if (ROOT / name).exists():  # not if it was deleted, and that is not committed
            (sources / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, sources / name)
    shutil.copytree(wheels, machine.path(WHEELS))
    machine.run("chmod", "-R", "a+rX", SOURCES, WHEELS)


def make(
    machine: Machine,
    *arguments: str,
    user: str = "",
    umask: int = 0o022,
    check: bool = True,
    **variables: str,
) -> str:
    """Run make in the sources on the machine; return what it printed."""
    command = f'umask {umask:o}; exec make --directory={SOURCES} "$@"'
    done = machine.run(
        *("sh", "-c", command, "make", *arguments),
        user=user,
        check=check,
        timeout=300.0,
        **OFFLINE,
        **variables,
    )
    return done.stdout + done.stderr


def documented(heading: str) -> list[list[str]]:
    """Return the commands in the first block of code after a heading of the manual, without sudo."""
    manual = (ROOT / "docs" / "service.md").read_text(encoding="utf-8")
    _, found, rest = manual.partition(f"\n{heading}\n")
    assert found, f"the manual has no heading {heading}"
    lines = rest[rest.index("\n    ") :].lstrip("\n").splitlines()
    block = lines[: next(at for at, line in enumerate(lines) if not line.startswith("    "))]
    return [line.partition("#")[0].replace("sudo ", "").split() for line in block]
