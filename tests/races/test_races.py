"""Applications work on a tree while passes flip it back and forth; nothing that they did is lost or doubled.

Every part is a process of its own: passes as at logon, one after the other, towards encrypted, another key
and unencrypted by turns; applications that write in every way there is; readers that check that whatever they
open is whole. What the operating system acknowledged to an application is what must be there in the end.

That these tests can fail was tried by hand, with the protocol broken on purpose, each time in three runs of
`test_in_memory` and `test_hot_items` (440,000 acknowledged writes, 1,500 to 5,000 conversions a run):

- rename instead of exchange, nothing looked at afterwards: all three failed, dozens of writes missing;
- exchange, but whoever comes to the old version is not looked for: all three failed, dozens missing;
- no lease at all, only the comparisons before and after: all three failed, one to three missing;
- a version of this protocol that asked for writers a millisecond after the exchange and not right before and
  after it: two of two failed, one write kept aside each time.

A blind `retire` went unnoticed here, its window being too narrow for chance; `tests.races.test_late_writer`
holds it open. So did not looking at what came out of the exchange: the number of links of the old version
tells as much.
"""

import json
import random
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from tests.races.application import ITEMS, Application
from tests.races.judge import judge
from tests.races.process import KINDS

pytestmark = pytest.mark.races

ROOT: Final = Path(__file__).parent.parent.parent
DEADLINE: Final = 75
"""Seconds after which the applications stop, however far they got."""
READERS: Final = 2


@dataclass(frozen=True, slots=True)
class Cast:
    """How many processes work on the items of one directory, on what, and how much each does."""

    directory: str
    kind: str
    processes: int
    count: int


CAST: Final = (
    Cast("append", "append", 4, 3_600),
    Cast("rewrite", "rewrite", 1, 5_000),
    Cast("save", "save", 1, 5_000),
    Cast("truncate", "truncate", 1, 5_000),
    Cast("patch", "patch", 2, 3_600),
    Cast("map", "map", 2, 3_600),
    Cast("database", "database", 2, 600),
    Cast("rename", "rename", 1, 5_000),
    Cast("recreate", "recreate", 1, 5_000),
    Cast("link", "link", 1, 4_000),
    Cast("mode", "mode", 1, 5_000),
    Cast("mode", "append", 2, 2_000),
)


def start(stack: ExitStack, module: str, *arguments: object) -> subprocess.Popen[str]:
    """Start a process of the races; it ends with the test at the latest."""
    command = [sys.executable, "-m", f"tests.races.{module}", *map(str, arguments)]
    process = stack.enter_context(
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    )
    stack.callback(process.kill)
    return process


def report(process: subprocess.Popen[str], deadline: float) -> dict[str, Any]:
    """End a process's standard input, wait for it, and return what it printed."""
    output, _ = process.communicate(timeout=deadline)
    assert process.returncode == 0, process.args
    result: dict[str, Any] = json.loads(output)
    return result


def kinds_of(directory: str) -> type[Application]:
    """Return the kind that prepares and checks a directory."""
    return KINDS[directory]


def check(tree: Path, reports: dict[str, list[dict[str, Any]]]) -> Iterator[str]:
    """Yield everything that is not as it must be."""
    for directory, of_directory in reports.items():
        for one in of_directory:
            yield from one["failures"]
        yield from kinds_of(directory).check(tree / directory, [one["known"] for one in of_directory])


@pytest.fixture
def memory() -> Iterator[Path]:
    """Give an empty directory on a filesystem without a disk, where everything is faster and waits differ."""
    with tempfile.TemporaryDirectory(prefix="cscd-races-", dir="/dev/shm") as path:
        yield Path(path)


def test_on_disk(tmp_path: Path) -> None:
    """Eleven ways to write while the tree is flipped all the time: every write is there, once."""
    race(tmp_path, 0.75, ITEMS)


def test_in_memory(memory: Path) -> None:
    """The same where no disk slows the applications down."""
    race(memory, 1.5, ITEMS)


def test_hot_items(memory: Path) -> None:
    """The same with everybody at few items, without a pause, and conversions that do not give way either."""
    race(memory, 5.0, 2)


def race(path: Path, scale: float, hot: int) -> None:
    """Let all run until each application has done `scale` times its count, and check what is there."""
    seed = random.SystemRandom().randrange(1 << 32)
    rng = random.Random(seed)
    tree, state = path / "tree", path / "state"
    state.mkdir()
    for kind in KINDS:
        (tree / kind).mkdir(parents=True)
        KINDS[kind].prepare(tree / kind, rng)
    with ExitStack() as stack:
        flipper = start(stack, "flipper", tree, state, hot)
        readers = [start(stack, "process", "reader", tree, seed + n) for n in range(READERS)]
        applications = [
            (one.directory, start(stack, "process", one.kind, tree / one.directory, n, *arguments))
            for one in CAST
            for n in numbers(one)
            for arguments in [(seed + n, int(scale * one.count), DEADLINE, hot)]
        ]
        reports: dict[str, list[dict[str, Any]]] = {}
        for directory, process in applications:
            reports.setdefault(directory, []).append(report(process, 2 * DEADLINE))
        read = [report(reader, DEADLINE) for reader in readers]
        flips = report(flipper, DEADLINE)
    acknowledged = Counter({d: sum(one["acknowledged"] for one in of) for d, of in reports.items()})
    seen = sum((Counter(one["seen"]) for one in read), Counter[str]())
    print(f"seed {seed}: {acknowledged.total()} acknowledged {dict(acknowledged)}")  # noqa: T201
    print(f"{flips}, seen {dict(seen)}")  # noqa: T201
    torn = [what for one in read for what in one["failures"]]
    wrong = [*judge(tree, [*check(tree, reports)], flips["kept"]), *torn]
    assert not wrong, "\n".join([f"seed {seed}", *wrong[:40]])
    assert flips["left"] == []
    assert acknowledged.total() >= 50_000
    assert min(acknowledged.values()) > 500
    raced(flips["counts"], seen)


def numbers(cast: Cast) -> range:
    """Number the processes: those that append to the items of another kind come after that kind's own."""
    first = 0 if cast.directory == cast.kind else 1
    return range(first, first + cast.processes)


def raced(counts: dict[str, int], seen: Counter[str]) -> None:
    """Nothing of this means anything unless it all happened at the same time."""
    conflicts = counts.get("open_elsewhere", 0) + counts.get("opened_meanwhile", 0)
    assert counts["converted"] >= 200
    assert counts["rekeyed"] >= 50
    assert conflicts >= 100
    assert counts.get("changed_meanwhile", 0) > 0
    assert min(seen["encrypted"], seen["plain"]) >= 50
