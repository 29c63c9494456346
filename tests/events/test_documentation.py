"""What is generated is what is in the repository, and journald understands it."""

import subprocess
from pathlib import Path

import pytest

from cscd.events.catalogue import CATALOGUE
from tests.events.documentation import CATALOG, MANUAL, catalog, manual
from tests.support import requires


@pytest.mark.parametrize("path, text", [(MANUAL, manual()), (CATALOG, catalog())], ids=["manual", "catalog"])
def test_generated_files_are_up_to_date(path: Path, text: str) -> None:
    """`python -m tests.events.documentation` renews them."""
    assert path.read_text(encoding="utf-8") == text


def test_the_journal_takes_the_catalogue(tmp_path: Path) -> None:
    """Every event is in it, under its id, when it is installed into a system of our own."""
    requires.command("journalctl")
    sources = tmp_path / "usr" / "lib" / "systemd" / "catalog"
    sources.mkdir(parents=True)
    (tmp_path / "var" / "lib" / "systemd" / "catalog").mkdir(parents=True)
    (sources / CATALOG.name).write_bytes(CATALOG.read_bytes())
    journalctl = ["journalctl", f"--root={tmp_path}"]
    done = subprocess.run([*journalctl, "--update-catalog"], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    listed = subprocess.run(
        [*journalctl, "--list-catalog"], capture_output=True, text=True, check=True
    ).stdout
    assert {line.split()[0] for line in listed.splitlines()} == {
        event.kind.message_id for event in CATALOGUE.values()
    }
