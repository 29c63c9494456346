"""Results become Markdown, in their place on a page."""

from pathlib import Path

import pytest

from bench import report, target
from bench.result import Footprint, Machine, Memory, Opens, Results, Speed, Timing, Waits, Walk

MACHINE = Machine(
    date="2024-02-29",
    processor="a processor",
    cores=2,
    memory_gib=8,
    kernel="Linux 6.1",
    filesystem="ext4",
    versions={"age": "1.1.1"},
)
SPEED = Speed(
    machine=MACHINE,
    workload="10,000 files",
    files=10_000,
    bytes=1 << 28,
    timings=(
        Timing(peer="cp", how="copied", encrypt=(1.0, 9.0, 1.0), decrypt=(2.0, 2.0, 2.0)),
        Timing(peer="cscd", how="converted", encrypt=(1.5, 1.5, 1.5), decrypt=(5.0, 5.0, 5.0)),
    ),
    absent={"age": "age is not installed"},
)
RESULTS = Results(
    speed={"S": SPEED},
    opens=Opens(
        machine=MACHINE,
        waits=(
            Waits(situation="L: no conversion", opens=9, p50=0.01, p99=9.0, longest=9.0),
            Waits(situation="L: waiting for disk", opens=9, p50=0.2, p99=6.0, longest=7.0),
        ),
    ),
    walk=Walk(
        machine=MACHINE,
        items=1_000_000,
        warm_find=(2.0,),
        warm_cscd=(3.0,),
        cold_find=(10.0,),
        cold_cscd=(11.0,),
        traced_items=2000,
        opened_items=1,
    ),
    memory=Memory(machine=MACHINE, footprints=(Footprint(case="a", pss_mib=40, peak_mib=101, seconds=2),)),
)


def test_every_promise_is_judged_by_medians() -> None:
    """Ratios of medians against their limits; what was promised of nothing measured is left out."""
    found = {verdict.promise: (verdict.measured, verdict.kept) for verdict in target.verdicts(RESULTS)}
    assert found == {
        "S: encrypt, to cp": (1.5, True),
        "S: unencrypt, to cp": (2.5, False),
        "open, L: waiting for disk, p50": (0.2, True),
        "open, L: waiting for disk, p99": (6.0, False),
        "recheck, warm, to find": (1.5, True),
        "recheck, cold, to find": (1.1, True),
        "recheck opens no item": (1, False),
        "a": (101, False),
    }


def test_the_report_names_all_that_was_measured_and_what_was_left_out() -> None:
    """Tables, the machine, what was timed, and absent peers."""
    text = report.text(RESULTS)
    assert "| cscd |       1.50 | 1.50x |         5.00 | 2.50x |" in text
    assert "Without age: age is not installed." in text
    assert "- `cp`: copied." in text
    assert "Linux 6.1" in text
    assert all(len(line) <= 80 for line in text.splitlines() if line.startswith("|"))


def test_nothing_measured_is_an_empty_report() -> None:
    """A run without results prints none."""
    assert report.text(Results()) == ""


def test_only_what_is_between_the_markers_is_replaced() -> None:
    """The words around belong to a person; doing it twice changes nothing."""
    page = f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n"
    once = report.insert(page, "new")
    assert once == f"before\n{report.BEGIN}\n\nnew\n\n{report.END}\nafter\n"
    assert report.insert(once, "new") == once


@pytest.mark.parametrize(
    "page", ["", report.BEGIN, report.END + report.BEGIN, (report.BEGIN + report.END) * 2]
)
def test_a_page_without_its_markers_is_left_alone(page: str) -> None:
    """Missing, in the wrong order or doubled: we cannot know what to replace."""
    with pytest.raises(ValueError, match="once each"):
        report.insert(page, "new")


def test_a_page_is_made_and_brought_up_to_date(tmp_path: Path) -> None:
    """The first write makes the page, the second finds its markers."""
    path = tmp_path / "docs" / "performance.md"
    report.write(RESULTS, path)
    first = path.read_text(encoding="utf-8")
    report.write(RESULTS, path)
    assert path.read_text(encoding="utf-8") == first


def test_results_come_back_from_their_file_as_they_were(tmp_path: Path) -> None:
    """JSON keeps everything; without a file nothing was measured."""
    path = tmp_path / "work" / "results.json"
    assert Results.load(path) == Results()
    RESULTS.save(path)
    assert Results.load(path) == RESULTS
