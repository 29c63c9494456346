"""The manual says what the program does."""

import re
import subprocess
from pathlib import Path

import pytest

from cscd.cli.commands import COMMANDS
from cscd.cli.exitcodes import ExitCode
from tests.cli.documentation import MANUAL, ROOT, renewed
from tests.cli.shell import Shell
from tests.support import requires

PAGE = ROOT / "docs" / "man" / "cscd.1"


def test_the_generated_parts_are_up_to_date() -> None:
    """Exit codes, reasons and JSON fields; `python -m tests.cli.documentation` renews them."""
    text = MANUAL.read_text(encoding="utf-8")
    assert renewed(text) == text


def test_the_manual_page_has_the_same_exit_codes() -> None:
    """Number by number, word by word."""
    _, _, table = PAGE.read_text(encoding="utf-8").partition(".Sh EXIT STATUS")
    found = re.findall(r"^\.It (\d+)\n(.*)$", table, re.MULTILINE)
    assert found == [(str(code.value), code.meaning) for code in ExitCode]


@pytest.mark.parametrize(
    "command",
    [
        *(name for name, _ in COMMANDS if name != "keys"),
        "keys show",
        "keys unlock",
        "keys lock",
        "keys passphrase",
        "keys protect",
        "keys unprotect",
        "keys rotate",
        "keys export",
        "keys import",
        "keys agent",
        "keys machine",
        "keys recovery-init",
        "keys recovery-drill",
    ],
)
def test_every_option_is_documented(shell: Shell, command: str) -> None:
    """In the manual and in the page, by its long name."""
    options = _options(shell.run(*command.split(), "--help").text) - {"--help"}
    page = PAGE.read_text(encoding="utf-8").replace("Fl -", "--").replace(" , -", " --")
    manual = MANUAL.read_text(encoding="utf-8").replace("-i FILE", "-i --identity FILE")
    assert options <= _options(page)
    assert options <= _options(manual)


def _options(text: str) -> set[str]:
    """The long options that a text names, whole."""
    return set(re.findall(r"--[a-z]+(?:-[a-z]+)*", text))


@pytest.mark.parametrize("page", sorted(PAGE.parent.iterdir()), ids=lambda page: page.name)
def test_the_manual_pages_are_well_formed(page: Path) -> None:
    """The formatter has nothing to say about them."""
    requires.command("groff")
    done = subprocess.run(
        ["groff", "-mdoc", "-Tutf8", "-ww", "-z", page], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
