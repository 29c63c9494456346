"""The file with the metrics: whole, readable, and where it was to be."""

import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from cscd.daemon.telling import metrics
from cscd.daemon.telling.exposition import exposition
from cscd.daemon.telling.totals import Totals
from tests.daemon import statuses
from tests.support import requires
from tests.support.waiting import wait_until


def write(path: Path) -> None:
    """Write the metrics of a service that has just begun."""
    metrics.write(str(path), statuses.poor(), Totals())


def test_the_file_is_there_and_readable(tmp_path: Path) -> None:
    """To everybody, whatever the umask, and alone in its directory."""
    before = os.umask(0o077)
    try:
        write(tmp_path / "cscd.prom")
    finally:
        os.umask(before)
    (file,) = tmp_path.iterdir()
    assert file.read_bytes() == exposition(statuses.poor(), Totals())
    assert file.stat().st_mode & 0o777 == 0o644


def test_who_reads_the_old_one_reads_all_of_it(tmp_path: Path) -> None:
    """The new file is another one."""
    path = tmp_path / "cscd.prom"
    path.write_text("old")
    with path.open() as reader:
        write(path)
        assert reader.read() == "old"


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    """Whoever owns the directory must not have the service write elsewhere."""
    precious = tmp_path / "precious"
    precious.write_text("precious")
    path = tmp_path / "cscd.prom"
    path.symlink_to(precious)
    (tmp_path / f".cscd.prom.{os.getpid()}.tmp").symlink_to(precious)
    write(path)
    assert precious.read_text() == "precious"
    assert not path.is_symlink()
    assert {each.name for each in tmp_path.iterdir()} == {"precious", "cscd.prom"}


def test_a_file_that_cannot_be_replaced_stays(tmp_path: Path) -> None:
    """And nothing is left beside it."""
    path = tmp_path / "cscd.prom"
    path.mkdir()
    with pytest.raises(IsADirectoryError):
        write(path)
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(FileNotFoundError):
        write(tmp_path / "missing" / "cscd.prom")


def test_it_is_removed_when_it_would_be_wrong(tmp_path: Path) -> None:
    """Also if it is not there."""
    path = tmp_path / "cscd.prom"
    write(path)
    metrics.remove(str(path))
    metrics.remove(str(path))
    assert not path.exists()


def test_node_exporter_reads_it(tmp_path: Path) -> None:
    """The collector that most machines run: every line of ours is among what it serves."""
    requires.command("prometheus-node-exporter")
    metrics.write(str(tmp_path / "cscd.prom"), statuses.rich(), Totals())
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    command = [
        "prometheus-node-exporter",
        "--collector.disable-defaults",
        "--collector.textfile",
        f"--collector.textfile.directory={tmp_path}",
        f"--web.listen-address={address}",
    ]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as exporter:
        try:
            served = wait_until(lambda: fetched(f"http://{address}/metrics"), "it serves")
        finally:
            exporter.kill()
    found = values(served)
    assert found["node_textfile_scrape_error"] == 0
    ours = values((tmp_path / "cscd.prom").read_text())
    assert {name: found.get(name) for name in ours} == ours


def fetched(url: str) -> str:
    """What is served there, "" while nobody listens."""
    try:
        with urllib.request.urlopen(url) as answer:  # noqa: S310 - our own address
            text: str = answer.read().decode()
            return text
    except urllib.error.URLError:
        return ""


def values(text: str) -> dict[str, float]:
    """The value of each series, by name and labels."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def test_nobody_pays_for_metrics_who_has_none() -> None:
    """The library is only loaded to write them."""
    code = "import sys, cscd.daemon.telling.metrics; print('prometheus_client' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
