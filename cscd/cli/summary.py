"""What came of a command, for people: by outcome and reason, with the first items of each.

Made for 80 columns; wider terminals show longer names.
"""

import os
from collections.abc import Iterator
from typing import Final

from cscd.cli import quantities
from cscd.cli.failure import explain
from cscd.cli.finished import Finished, Whole
from cscd.cli.names import fitted, harmless, shown, width
from cscd.cli.progress import holder
from cscd.cli.terminal import Style, Terminal
from cscd.files.outcome import Lasting, Reason
from cscd.worker.tally import Left, Tally

NAMED: Final = 5
"""Items named for each reason that leaves the cache partial."""
NAMED_FINE: Final = 2
"""Items named for each reason that does not."""
_HEADINGS: Final = (
    (Lasting.BRIEF, "Left alone, and worth another try:"),
    (Lasting.STAYS, "Left alone until somebody sees to it:"),
    (Lasting.FINE, "Nothing to do for:"),
)
_NAMES_AT: Final = 8
"""The column that items are named from."""


def print_summary(whole: Whole, terminal: Terminal, command: str) -> None:
    """Print it; `command` is what to repeat in order to finish. Raises OutputError."""
    for number, tree in enumerate(whole.trees):
        if number:
            terminal.print()
        _print_tree(tree, whole, terminal)
    if len(whole.trees) > 1:
        terminal.print()
        _print_total(whole, terminal)
    _print_advice(whole, terminal, command)


def _print_tree(tree: Finished, whole: Whole, terminal: Terminal) -> None:
    terminal.print(terminal.styled(fitted(shown(tree.path), Terminal.columns()), Style.BOLD))
    if tree.error:
        terminal.print(terminal.styled(f"  {harmless(explain(tree.error).message)}", Style.RED))
    if not tree.begun:
        terminal.print("  Not begun.")
        return
    for line in _counts(tree.tally, whole, tree.seconds):
        terminal.print(f"  {line}")
    for lasting, heading in _HEADINGS:
        _print_reasons(tree.tally, lasting, heading, terminal)


def _counts(tally: Tally, whole: Whole, seconds: float) -> Iterator[str]:
    """Yield a line for each outcome that occurred, at least one."""
    state = whole.state.value
    done = f"would be {state}" if whole.looking else state
    volume = f", {quantities.size(tally.converted_bytes)}" if tally.converted_bytes else ""
    if tally.converted or not tally.right:
        yield f"{quantities.items(tally.converted)} {done}{volume} in {quantities.seconds(seconds)}"
    if tally.right:
        took = "" if tally.converted else f", checked in {quantities.seconds(seconds)}"
        were = "was" if tally.right == 1 else "were"
        yield f"{quantities.items(tally.right)} {were} {state} before{took}"
    if not tally.complete:
        yield f"{quantities.items(tally.untouched)} found and not begun; the search for more was not finished"


def _print_reasons(tally: Tally, lasting: Lasting, heading: str, terminal: Terminal) -> None:
    reasons = [(reason, count) for reason, count in tally.by_lasting(lasting) if count]
    if not reasons:
        return
    terminal.print(f"  {heading}")
    for reason, count in reasons:
        first = tally.first.get(reason, [])
        if lasting is Lasting.FINE:
            terminal.print(_fine(reason, count, first))
            continue
        colour = Style.RED if reason is Reason.DAMAGED else Style.YELLOW
        terminal.print(f"  {count:>5,} {terminal.styled(reason.meaning, colour)}")
        for line in _items(first, count):
            terminal.print(line)


def _fine(reason: Reason, count: int, first: list[Left]) -> str:
    """Return one line for items that are no trouble."""
    line = f"  {count:>5,} {reason.meaning}"
    names = ", ".join(shown(left.path) for left in first[:NAMED_FINE]) + (", …" if count > NAMED_FINE else "")
    return f"{line} ({fitted(names, Terminal.columns() - width(line) - len(' ()'))})"


def _items(first: list[Left], count: int) -> Iterator[str]:
    """Yield a line for each of the first items, and one for those not named."""
    for left in first[:NAMED]:
        yield _item(left)
    if count > NAMED:
        yield f"{'':{_NAMES_AT}}… and {count - min(NAMED, len(first)):,} more"


def _item(left: Left) -> str:
    """Return a line that names an item and who or what keeps it from being converted."""
    about = _about(left)
    room = Terminal.columns() - _NAMES_AT
    if not about:
        return f"{'':{_NAMES_AT}}{fitted(shown(left.path), room)}"
    about = fitted(about, room // 2)
    return f"{'':{_NAMES_AT}}{fitted(shown(left.path), room - width(about) - 2)}  {about}"


def _about(left: Left) -> str:
    result = left.result
    if result.holders:
        return holder(result)
    if result.detail:
        return harmless(result.detail)
    # The errno says more than the reason only where many of them share one.
    return os.strerror(result.errno) if result.errno and result.reason is Reason.IO_ERROR else ""


def _print_total(whole: Whole, terminal: Terminal) -> None:
    converted = sum(tree.tally.converted for tree in whole.trees)
    right = sum(tree.tally.right for tree in whole.trees)
    volume = quantities.size(sum(tree.tally.converted_bytes for tree in whole.trees))
    done = f"would be {whole.state}" if whole.looking else str(whole.state)
    terminal.print(terminal.styled(f"All {len(whole.trees)} directories", Style.BOLD))
    terminal.print(f"  {quantities.items(converted)} {done}, {volume}; {right:,} were before")


def _print_advice(whole: Whole, terminal: Terminal, command: str) -> None:
    """Say whether it is partial, and how to finish."""
    if whole.looking:
        terminal.print("Dry run: nothing was changed.")
        return
    if not whole.partial:
        return
    left = sum(tree.wanting for tree in whole.trees)
    if whole.stopped:
        what = f"Stopped, partial: what is {whole.state} stays so, nothing was rolled back."
    elif left:
        what = f"Partial: {quantities.items(left)} not {whole.state}."
    else:
        what = f"Partial: not everything is known to be {whole.state}."
    terminal.print(terminal.styled(what, Style.YELLOW))
    stays = any(count for tree in whole.trees for _, count in tree.tally.by_lasting(Lasting.STAYS))
    terminal.print(f"To finish{', once that is seen to' if stays else ''}: {command}")
