"""`python -m bench`: which benchmark to run, how large, where.

Exit status: 0 measured, 1 something failed, 2 usage, 3 measured but a promise was not kept (with --check),
130 interrupted.
"""

import argparse
import contextlib
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bench import memory, opens, report, speed, target, volume, walk
from bench.command import CommandError
from bench.peers.registry import PEERS
from bench.progress import say
from bench.result import Results, Service
from bench.service import scenes
from bench.service.scenes import SCENES
from bench.subject import Subject
from bench.volume import GIB, MIB, Volume
from bench.workload import WORKLOADS

HERE = Path(__file__).resolve().parent
BENCHMARKS = ("speed", "opens", "walk", "memory", "service")
FAILED, NOT_KEPT, INTERRUPTED = 1, 3, 130
INODE = 512
"""Bytes on disk per file of one byte, its block not counted: inode and directory entry, generously."""


def main(words: Sequence[str]) -> int:
    """Run what the command line `words` asks for, and return the exit status."""
    options = _parser().parse_args(words)
    options.json = options.json or HERE / "work" / ("results.json" if options.scale == 1 else "smoke.json")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        results = Results.load(options.json)
        if options.benchmark == "report":
            report.write(results, options.into)
            return 0
        fresh = Results()
        for name in BENCHMARKS if options.benchmark == "all" else (options.benchmark,):
            measured = _RUNNERS[name](options)
            fresh, results = _merged(fresh, measured), _merged(results, measured)
            results.save(options.json)
    except (CommandError, OSError, ValueError) as error:
        say(f"bench: {error}")
        return FAILED
    except KeyboardInterrupt:
        say("bench: interrupted, everything is cleaned up")
        return INTERRUPTED
    print(report.text(fresh))
    return NOT_KEPT if options.check and not all(each.kept for each in target.verdicts(fresh)) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure cscd beside its peers.")
    add = parser.add_argument
    add("benchmark", nargs="?", default="all", choices=("all", *BENCHMARKS, "report"), help="default: all")
    add("--scale", type=_positive, default=1.0, help="fraction of the full sizes, as 0.01 for a smoke test")
    add("--rounds", type=int, default=5, help="rounds of speed and walk (default: 5)")
    add("--workload", type=_listed(WORKLOADS), help="S,M,L (default: all for speed, S,L for opens)")
    add("--peer", type=_listed(PEERS), default=list(PEERS), help=f"of speed: {','.join(PEERS)}")
    add("--samples", type=int, default=1000, help="opens per situation (default: 1000)")
    add("--items", type=int, default=1_000_000, help="items of walk and memory (default: 1000000)")
    add("--converted", type=int, default=100_000, help="items that memory converts (default: 100000)")
    add("--sparse", type=int, default=10 * 1024, metavar="MIB", help="large file of memory (default: 10240)")
    add("--scene", type=_listed(SCENES), default=list(SCENES), help=f"of service: {','.join(SCENES)}")
    add("--window", type=_positive, default=600.0, metavar="S", help="seconds of service idle (default: 600)")
    add("--work", type=Path, default=HERE / "work", metavar="DIR", help="for the image (default: bench/work)")
    add("--keep-image", action="store_true", help="leave the image there: the next run starts sooner")
    add("--on", type=Path, metavar="DIR", help="measure in DIR instead of on an image; needs no root")
    add("--cscd", type=Path, metavar="PROGRAM", help="default: the one beside this interpreter")
    kept = "results, kept and merged (default: bench/work/results.json, or smoke.json if scaled)"
    add("--json", type=Path, metavar="FILE", help=kept)
    add(
        "--into", type=Path, default=HERE.parent / "docs" / "performance.md", metavar="FILE", help="of report"
    )
    add("--check", action="store_true", help=f"exit with {NOT_KEPT} if a promise is not kept")
    return parser


def _positive(word: str) -> float:
    value = float(word)
    if value <= 0:
        raise argparse.ArgumentTypeError("must be above 0")
    return value


def _listed(known: Mapping[str, object]) -> Callable[[str], list[str]]:
    """A parser of `A,B` into names that are all known."""

    def parse(words: str) -> list[str]:
        names = words.split(",")
        if odd := [name for name in names if name not in known]:
            raise argparse.ArgumentTypeError(f"{odd[0]} is none of {', '.join(known)}")
        return names

    return parse


def _speed(options: argparse.Namespace) -> Results:
    peers = [PEERS[name] for name in options.peer]
    found = {}
    for letter in options.workload or WORKLOADS:
        workload = WORKLOADS[letter].scaled(options.scale)
        # Source, encrypted and plain tree, a temporary version of either, and each file's last block.
        size = 4 * sum(workload.sizes()) + 16 * 4096 * workload.count
        with _volume(options, size) as place:
            found[letter] = speed.measure(
                place, _subject(options), workload, peers=peers, rounds=options.rounds
            )
    return Results(speed=found)


def _opens(options: argparse.Namespace) -> Results:
    _need(_subject(options))
    samples = max(10, round(options.samples * options.scale))
    letters = options.workload or ["S", "L"]
    size = 4 * max(sum(WORKLOADS[letter].scaled(options.scale).sizes()) for letter in letters)
    with _volume(options, size) as place:
        measured = opens.measure(
            place, _subject(options), samples=samples, scale=options.scale, letters=letters
        )
    return Results(opens=measured)


def _walk(options: argparse.Namespace) -> Results:
    _need(_subject(options))
    items = _scaled(options.items, options.scale)
    with _items_volume(options, items, 0) as place:
        return Results(walk=walk.measure(place, _subject(options), items=items, rounds=options.rounds))


def _memory(options: argparse.Namespace) -> Results:
    _need(_subject(options))
    items, converted = _scaled(options.items, options.scale), _scaled(options.converted, options.scale)
    size = _scaled(options.sparse, options.scale) * MIB
    with _items_volume(options, max(items, converted), size) as place:
        measured = memory.measure(place, _subject(options), items=items, converted=converted, size=size)
    return Results(memory=measured)


def _service(options: argparse.Namespace) -> Results:
    sizes = scenes.Sizes.scaled(options.scale, options.window)
    with _items_volume(options, sizes.files, 4 * sizes.largest) as place:
        return Results(service=scenes.measure(place, options.scene, sizes))


_RUNNERS: dict[str, Callable[[argparse.Namespace], Results]] = {
    "speed": _speed,
    "opens": _opens,
    "walk": _walk,
    "memory": _memory,
    "service": _service,
}


def _scaled(count: int, scale: float) -> int:
    return max(1, round(count * scale))


def _merged(old: Results, new: Results) -> Results:
    """`old` with the parts that were measured anew."""
    parts = {name: part for name in ("opens", "walk", "memory") if (part := getattr(new, name))}
    service = _merged_service(old.service, new.service)
    return old.model_copy(update={"speed": {**old.speed, **new.speed}, "service": service, **parts})


def _merged_service(old: Service | None, new: Service | None) -> Service | None:
    """The new one, with the scenes of the old one that were not played again."""
    if old is None or new is None:
        return new or old
    return old.model_copy(update={name: value for name, value in new if value})


def _subject(options: argparse.Namespace) -> Subject:
    return Subject(options.cscd.absolute()) if options.cscd else Subject.beside_interpreter()


def _need(subject: Subject) -> None:
    if not subject.program.exists():
        raise CommandError(f"{subject.program} does not exist; --cscd names another")


def _items_volume(
    options: argparse.Namespace, items: int, size: int
) -> contextlib.AbstractContextManager[Volume]:
    """Room for `items` files of one byte, twice, or else for a file of `size` bytes, twice."""
    inodes = items * 5 // 4 + 20_000
    return _volume(options, max(items * 2 * 4096 + inodes * INODE, 2 * size) + inodes * INODE, inodes)


def _volume(
    options: argparse.Namespace, size: int, inodes: int = 0
) -> contextlib.AbstractContextManager[Volume]:
    """A fresh place to measure in, with room for `size` bytes besides the journal."""
    if options.on:
        return volume.existing(options.on.absolute())
    full = max(size + size // 10 + GIB, 8 * GIB if options.scale == 1 else GIB)
    return volume.image(options.work.absolute(), full, keep=options.keep_image, inodes=inodes)
