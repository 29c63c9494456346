"""Rechecking a tree that is right already, against `find` printing the same facts.

Warm: everything that either needs is in memory. Cold: all caches are dropped before, as at the first logon
after a boot. That no item is opened is counted by strace, on a smaller tree because tracing is slow.
"""

import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench import command, machine, tree
from bench.command import timed
from bench.distribution import median
from bench.progress import say
from bench.result import Walk
from bench.subject import Key, Subject
from bench.table import ratio, render, seconds
from bench.volume import Volume

PER_FOLDER = 1000
TRACED = 2000
"""Items of the tree on which system calls are traced."""
_OPENED = re.compile(r"^\S*\s*open(?:at2?)?\(.*\"[^\"]*\bitem-\d+\.bin\"")


def make(root: Path, items: int) -> None:
    """A tree of `items` files of one byte, a thousand per directory."""
    root.mkdir()
    for first in range(0, items, PER_FOLDER):
        folder = root / f"folder-{first // PER_FOLDER:04}"
        folder.mkdir()
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        for number in range(first, min(items, first + PER_FOLDER)):
            item = os.open(f"item-{number:07}.bin", os.O_WRONLY | os.O_CREAT, 0o600, dir_fd=descriptor)
            os.write(item, b"x")
            os.close(item)
        os.close(descriptor)


def measure(volume: Volume, subject: Subject, *, items: int, rounds: int) -> Walk:
    """Compare on a tree of `items`, `rounds` times warm and as often cold."""
    say(f"walk: {items} items")
    key = Key.make(volume.root)
    root = volume.root / "walked"
    make(root, items)
    volume.settle()
    find: list[str | Path] = ["find", root, "-printf", r"%i %C@ %s\n"]
    recheck = subject.recheck("unencrypted", root, key)
    environment = subject.environment(volume)

    def walk_with_find() -> None:
        with command.started(find, quiet=True) as process:
            process.wait()

    def walk_with_cscd() -> None:
        command.run(recheck, env=environment)

    say(f"  first pass, which makes the index: {timed(walk_with_cscd):.2f} s")
    volume.settle()
    warm = _rounds(walk_with_find, walk_with_cscd, rounds=rounds, before=lambda: None)
    cold = _rounds(walk_with_find, walk_with_cscd, rounds=rounds, before=lambda: _drop_caches(volume))
    tree.remove(root)
    traced, opened = _trace(volume, subject, key, min(TRACED, items))
    return Walk(
        machine=machine.describe(volume),
        items=items,
        warm_find=warm[0],
        warm_cscd=warm[1],
        cold_find=cold[0],
        cold_cscd=cold[1],
        traced_items=traced,
        opened_items=opened,
    )


def table(walk: Walk) -> str:
    """Medians, and cscd as a multiple of find."""
    rows = []
    for name, find, cscd in (
        ("warm", walk.warm_find, walk.warm_cscd),
        ("cold", walk.cold_find, walk.cold_cscd),
    ):
        if find and cscd:
            rows.append(
                [name, seconds(median(find)), seconds(median(cscd)), ratio(median(cscd) / median(find))]
            )
    return render(["caches", "find, s", "cscd recheck, s", "to find"], rows)


def _rounds(
    find: Callable[[], None], cscd: Callable[[], None], *, rounds: int, before: Callable[[], None]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    pairs = []
    for number in range(rounds):
        before()
        first = timed(find)
        before()
        pairs.append((first, timed(cscd)))
        say(f"  round {number + 1}: find {first:8.2f} s, cscd {pairs[-1][1]:8.2f} s")
    return tuple(pair[0] for pair in pairs), tuple(pair[1] for pair in pairs)


def _drop_caches(volume: Volume) -> None:
    """Pages, dentries and inodes: Documentation/admin-guide/sysctl/vm.rst. Needs root."""
    volume.sync()
    Path("/proc/sys/vm/drop_caches").write_text("3\n", encoding="ascii")


def _trace(volume: Volume, subject: Subject, key: Key, items: int) -> tuple[int, int]:
    """How many items were rechecked under strace, and how many of them were opened."""
    root = volume.root / "traced"
    make(root, items)
    volume.settle()
    recheck = subject.recheck("unencrypted", root, key)
    environment = subject.environment(volume)
    command.run(recheck, env=environment)
    with tempfile.TemporaryDirectory(dir=volume.root) as folder:
        log = Path(folder, "trace")
        strace: list[str | Path] = [
            "strace",
            "-f",
            "-qq",
            "-e",
            "trace=open,openat,openat2",
            "-s",
            "300",
            "-o",
            log,
        ]
        try:
            command.run([*strace, *recheck], env=environment)
        except command.CommandError as error:
            say(f"  not traced: {error}")
            return 0, 0
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    if not any("folder-" in line for line in lines):
        raise command.CommandError("the trace shows no directory being opened: it did not see the walk")
    tree.remove(root)
    return items, sum(1 for line in lines if _OPENED.match(line))
