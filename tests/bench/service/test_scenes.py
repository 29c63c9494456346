"""Sizes of scenes, and what becomes of their results."""

from bench.cli import _merged
from bench.result import Elapsed, Latency, Results, Service
from bench.service.scenes import Sizes
from tests.bench.test_report import MACHINE

WAITS = Latency(case="at once", count=3, p50=1.0, p99=2.0, longest=3.0)


def test_a_smaller_run_has_less_of_everything_and_some_of_each() -> None:
    """The full sizes are those of the promises."""
    full, small = Sizes.scaled(1, 600), Sizes.scaled(0.001, 10)
    assert (full.sessions, full.storm_users, full.storm_files, full.first_files) == (500, 200, 200, 10_000)
    assert (small.sessions, small.storm_users, small.first_files, small.window) == (2, 2, 100, 10)


def test_scenes_that_were_not_played_again_keep_their_results() -> None:
    """One scene can be repeated on a quiet machine, and the others stay as they were measured."""
    old = Service(
        machine=MACHINE, load=(1.0, 1.0), logons=(WAITS,), first=(Elapsed(case="plain", seconds=1.0),)
    )
    new = Service(machine=MACHINE, load=(0.1, 0.1), first=(Elapsed(case="plain", seconds=2.0),))
    merged = _merged(Results(service=old), Results(service=new)).service
    assert merged is not None
    assert merged.logons == (WAITS,)
    assert [each.seconds for each in merged.first] == [2.0]
    assert merged.load == (0.1, 0.1)
    assert _merged(Results(service=old), Results()).service == old
