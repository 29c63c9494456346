"""The results as Markdown: to stdout after a run, and between two markers of docs/performance.md."""

import textwrap
from collections.abc import Iterator
from pathlib import Path

from bench import memory, opens, speed, target, walk
from bench.result import Machine, Results
from bench.service import tables
from bench.table import WIDTH

BEGIN = "<!-- results: begin (python -m bench report) -->"
END = "<!-- results: end -->"


def text(results: Results) -> str:
    """Everything measured, as Markdown."""
    return "\n\n".join(_parts(results))


def insert(page: str, results: str) -> str:
    """`page` with the text between its markers replaced by `results`.

    Raises:
        ValueError: the page does not have both markers, once each and in order.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end or BEGIN in rest or END in after:
        raise ValueError(f"the page needs these two lines, once each: {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{results}\n\n{END}{after}"


def write(results: Results, path: Path) -> None:
    """Bring `path` up to date; a page that does not exist is made, with nothing but the results.

    Raises:
        ValueError: see `insert`.
    """
    page = path.read_text(encoding="utf-8") if path.exists() else f"{BEGIN}\n{END}\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(insert(page, text(results)), encoding="utf-8")


def _parts(results: Results) -> Iterator[str]:
    if found := target.verdicts(results):
        yield f"### Promises\n\n{target.table(found)}"
    for letter, each in sorted(results.speed.items(), key=lambda pair: "SML".find(pair[0])):
        yield f"### {letter}: {each.workload}\n\n{speed.table(each)}"
        yield f"Medians of {len(each.timings[0].encrypt)} rounds." if each.timings else "No peer could run."
        yield from (f"Without {name}: {why}." for name, why in each.absent.items())
        yield _place(each.machine)
    if results.speed:
        yield _how(results)
    if results.opens:
        yield f"### Opening an item under conversion\n\n{opens.table(results.opens)}"
        yield _place(results.opens.machine)
    if results.walk:
        yield f"### Rechecking {results.walk.items:,} items that are right\n\n{walk.table(results.walk)}"
        yield f"Opened, of {results.walk.traced_items:,} items under strace: {results.walk.opened_items}."
        yield _place(results.walk.machine)
    if results.memory:
        yield f"### Memory of a pass\n\n{memory.table(results.memory)}"
        yield _place(results.memory.machine)
    if results.service:
        yield from (f"### The service: {title}\n\n{table}" for title, table in tables.parts(results.service))
        before, after = results.service.load
        yield f"Load average of a minute: {before:.1f} before and {after:.1f} after."
        yield _place(results.service.machine)


def _how(results: Results) -> str:
    """What was timed, for each peer once."""
    how = {timing.peer: timing.how for speed in results.speed.values() for timing in speed.timings}
    return "What is timed:\n\n" + "\n".join(f"- `{name}`: {sentence}." for name, sentence in how.items())


def _place(machine: Machine) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    facts = f"{machine.date}, {machine.processor}, {machine.cores} cores, {machine.memory_gib} GiB"
    return textwrap.fill(f"{facts}, {machine.kernel}; {machine.filesystem}; {versions}.", WIDTH)
