"""The completions say what the commands are."""

import shlex
import subprocess

import pytest

from tests.cli.completions import DIRECTORY, SHELLS, written
from tests.support import requires


@pytest.mark.parametrize("shell", SHELLS)
def test_they_are_up_to_date(shell: str) -> None:
    """`python -m tests.cli.completions` renews them."""
    assert (DIRECTORY / shell).read_text(encoding="utf-8") == written(shell)


@pytest.mark.parametrize("shell", SHELLS)
def test_the_shell_can_read_them(shell: str) -> None:
    """It has nothing to say about their syntax."""
    requires.command(shell)
    done = subprocess.run([shell, "-n", DIRECTORY / shell], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "line, offered",
    [
        ("cscd conf", {"config"}),
        ("cscd config ", {"check", "show", "schema"}),
        ("cscd config show --o", {"--origins"}),
        ("cscd recheck --to ", {"encrypted", "unencrypted"}),
        ("cscd --json logs --event item_s", {"item_skipped"}),
        ("cscd logs --user roo", {"root"}),
        ("cscd inspect /etc/os-rel", {"/etc/os-release"}),
        ("cscd recheck /et", {"/etc"}),
        ("cscd recheck --retry-for ", set()),
    ],
)
def test_bash_offers_what_fits(line: str, offered: set[str]) -> None:
    """Commands, their options, and the values of these."""
    words = line.split(" ")
    script = f"""
        compopt() {{ :; }} # may be called only while the shell itself completes
        . {DIRECTORY}/bash
        COMP_WORDS=({shlex.join(words)}) COMP_CWORD={len(words) - 1}
        _cscd cscd {shlex.quote(words[-1])} {shlex.quote(words[-2])}
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert set(done.stdout.split()) == offered


@pytest.mark.parametrize(
    "line, offered",
    [
        ("cscd conf", {"config"}),
        ("cscd config ", {"check", "show", "schema"}),
        ("cscd config show --o", {"--origins"}),
        ("cscd recheck --to ", {"encrypted", "unencrypted"}),
        ("cscd logs --event item_s", {"item_skipped"}),
    ],
)
def test_fish_offers_what_fits(line: str, offered: set[str]) -> None:
    """The same."""
    requires.command("fish")
    script = f"source {DIRECTORY}/fish; complete --do-complete {shlex.quote(line)}"
    done = subprocess.run(["fish", "--no-config", "-c", script], capture_output=True, text=True, check=True)
    assert {each.split("\t")[0] for each in done.stdout.splitlines()} == offered
