"""Workloads are the same bytes everywhere."""

from pathlib import Path

from bench import tree
from bench.workload import MIB, WORKLOADS


def test_small_files_add_up_to_what_the_documentation_says() -> None:
    """10,000 files, evenly distributed from 1 to 64 KiB, are about 315 MiB."""
    sizes = WORKLOADS["S"].sizes()
    assert len(sizes) == 10_000
    assert min(sizes) >= 1024
    assert max(sizes) <= 65536
    assert round(sum(sizes) / MIB) == 315


def test_a_workload_made_twice_is_the_same(tmp_path: Path) -> None:
    """Names, sizes and content come from a fixed seed."""
    workload = WORKLOADS["S"].scaled(0.001)
    workload.make(tmp_path / "one")
    workload.make(tmp_path / "two")
    assert len(list(tree.files(tmp_path / "one"))) == 10
    assert tree.difference(tmp_path / "one", tmp_path / "two") == ""


def test_scaling_makes_fewer_files_or_a_smaller_one() -> None:
    """Small files keep their sizes; the one large file shrinks; nothing becomes nothing."""
    assert WORKLOADS["M"].scaled(0.1).sizes() == [4 * MIB] * 20
    assert WORKLOADS["L"].scaled(0.5).sizes() == [512 * MIB]
    assert WORKLOADS["M"].scaled(1e-9).count == 1
    assert WORKLOADS["M"].scaled(1) is WORKLOADS["M"]
