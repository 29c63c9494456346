"""`pam_cscd.so`, in a stack of PAM's of our own."""

import ctypes.util
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.pam import stack
from tests.support import requires

ROOT = Path(__file__).parent.parent.parent
SOURCE = ROOT / "packaging" / "pam_cscd.c"
PASSWORD = "correct horse"  # noqa: S105 - that of nobody
ASKING = "auth optional pam_exec.so quiet quiet_log expose_authtok /bin/true"
"""What has PAM ask for a password, so that it has one."""
PERMITTING = "auth required pam_permit.so"


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile it, without a warning."""
    requires.command("cc")
    if not ctypes.util.find_library("pam"):
        pytest.skip("needs the library libpam.so.0")
    built = tmp_path_factory.mktemp("module") / "pam_cscd.so"
    done = subprocess.run([ROOT / "packaging" / "module", built], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("", "")
    return built


def log_on(directory: Path, module: Path, script: str, *before: str) -> list[str]:
    """Authenticate where the module runs a script; return what was shown and asked, and the result."""
    program = directory / "program"
    program.write_text(f"#!/bin/sh\ncd {directory}\n{script}\n")
    program.chmod(0o755)
    lines = (*before, f"auth [default=ignore] {module} {program}")
    (directory / "stack").write_text("\n".join(lines) + "\n")
    command = [sys.executable, stack.__file__, str(directory), "root", PASSWORD, "30"]
    return subprocess.check_output(command, text=True).splitlines()


def test_the_program_has_the_password_and_two_variables(tmp_path: Path, module: Path) -> None:
    """The password whole and alone, and nothing of the environment around PAM."""
    script = "cat >password; /usr/bin/env >variables; ls /proc/self/fd >files"
    told = log_on(tmp_path, module, script, ASKING, PERMITTING)
    assert told == ["asked Password: ", "result 0"]
    assert (tmp_path / "password").read_text() == PASSWORD
    variables = (tmp_path / "variables").read_text().splitlines()
    assert [line for line in variables if line.startswith("PAM")] == ["PAM_USER=root", "PAM_TYPE=auth"]
    assert {line.split("=")[0] for line in variables} <= {
        "PAM_USER",
        "PAM_TYPE",
        "PWD",
        "OLDPWD",
        "SHLVL",
        "_",
    }
    assert (tmp_path / "files").read_text().split() == ["0", "1", "2", "3"]  # 3 is what ls has open


def test_where_nobody_gave_a_password_none_is_asked_for(tmp_path: Path, module: Path) -> None:
    """As after a fingerprint."""
    assert log_on(tmp_path, module, "touch ran", PERMITTING) == ["result 0"]
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("control", ["optional", "required", "sufficient", "[default=ignore]"])
@pytest.mark.parametrize("code", [0, 1])
def test_it_lets_nobody_in(tmp_path: Path, module: Path, control: str, code: int) -> None:
    """Whatever comes of the program, and whatever the administrator wrote before it."""
    told = log_on(
        tmp_path,
        module,
        f"exit {code}",
        f"auth {control} {module} /bin/true",
        ASKING.replace("true", "false"),
    )
    assert told[-1] != "result 0"


def test_it_keeps_nobody_out(tmp_path: Path, module: Path) -> None:
    """Not even where the program is not there."""
    lines = (
        ASKING,
        PERMITTING,
        f"auth [default=ignore] {module} /nowhere",
        f"auth [default=ignore] {module}",
    )
    assert log_on(tmp_path, module, "kill -SEGV $$", *lines)[-1] == "result 0"


def test_what_the_program_says_is_shown(tmp_path: Path, module: Path) -> None:
    """Its first line, of what may be too much."""
    script = "echo It does not open.; head --bytes=100000 /dev/zero | tr '\\0' x"
    told = log_on(tmp_path, module, script, ASKING, PERMITTING)
    assert told == ["asked Password: ", "shown It does not open.", "result 0"]


def test_a_program_that_does_not_end_is_ended(tmp_path: Path, module: Path) -> None:
    """After two seconds, also if it is halted."""
    begin = time.monotonic()
    assert log_on(tmp_path, module, "kill -STOP $$", ASKING, PERMITTING)[-1] == "result 0"
    assert 2.0 <= time.monotonic() - begin < 3.0
