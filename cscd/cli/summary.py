"""What came of a command, for people: by outcome and reason, with the first items of each.

Lines are made for the width of the terminal: text is wrapped between words, names lose their middle. What
is no terminal gets everything.
"""

import os
from collections.abc import Iterator
from typing import Final

from cscd.cli import quantities
from cscd.cli.failure import explain
from cscd.cli.finished import Finished, Whole
from cscd.cli.holders import holder
from cscd.cli.names import fitted, harmless, shown, width, wrapped
from cscd.cli.terminal import Style, Terminal
from cscd.files.outcome import Lasting, Reason
from cscd.worker.passes.tally import Left, Tally

NAMED: Final = 5
"""Items named for each reason that leaves the cache partial."""
NAMED_FINE: Final = 2
"""Items named for each reason that does not."""
_HEADINGS: Final = (
    (Lasting.BRIEF, "Left alone, and worth another try:"),
    (Lasting.LOCKED, "Left alone until the key is unlocked:"),
    (Lasting.STAYS, "Left alone until somebody sees to it:"),
    (Lasting.FINE, "Nothing to do for:"),
)
_NAMES_AT: Final = 8
"""The column that items and reasons are named from."""
_LEAST_NAMES: Final = 16
"""Columns of names that still say something."""
_OF_DIRECTORIES: Final = frozenset({Reason.NO_PERMISSION, Reason.OTHER_FILESYSTEM, Reason.IO_ERROR})
"""Reasons for which a whole directory may have been left alone, counted as one."""


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
    terminal.print(terminal.styled(fitted(shown(tree.path), terminal.columns()), Style.BOLD))
    if tree.error:
        _print_text(harmless(explain(tree.error).message), terminal, Style.RED, indent=2)
    if not tree.begun:
        terminal.print("  Not begun.")
        return
    for line in (*_counts(tree.tally, whole, tree.seconds), *_copies(tree)):
        _print_text(line, terminal, indent=2)
    for lasting, heading in _HEADINGS:
        _print_reasons(tree.tally, lasting, heading, terminal)


def _print_text(text: str, terminal: Terminal, *styles: str, indent: int = 0) -> None:
    """Print a sentence, wrapped between its words."""
    for line in wrapped(text, terminal.columns() - indent):
        terminal.print(f"{'':{indent}}{terminal.styled(line, *styles)}")


def _counts(tally: Tally, whole: Whole, seconds: float) -> Iterator[str]:
    """Yield a line for each outcome that occurred, at least one."""
    state = whole.word
    done = f"would be {state}" if whole.looking else state
    volume = f", {quantities.size(tally.converted_bytes)}" if tally.converted_bytes else ""
    if tally.converted or not tally.right:
        yield f"{quantities.items(tally.converted)} {done}{volume} in {quantities.seconds(seconds)}"
    if tally.right:
        took = "" if tally.converted else f", checked in {quantities.seconds(seconds)}"
        were = "was" if tally.right == 1 else "were"
        yield f"{quantities.items(tally.right)} {were} {state} before{took}"
    if tally.other_key:
        are = "is" if tally.other_key == 1 else "are"
        of_them = f"{tally.other_key:,} of them {are}"
        yield f"{of_them} encrypted for other recipients (cscd inspect shows their key)"
    if tally.cleaned:
        leftovers = f"{tally.cleaned:,} leftover{'' if tally.cleaned == 1 else 's'} of a killed pass"
        yield f"{leftovers} {'would be ' if whole.looking else ''}removed"
    if not tally.complete and (missing := _missing(tally)):
        yield missing


def _copies(tree: Finished) -> Iterator[str]:
    """Say what is particular about copies."""
    if tree.plain:
        were = "was" if tree.plain == 1 else "were"
        yield f"{tree.plain:,} of them {were} not encrypted, and copied as found"
    if tree.lessened:
        yield f"{tree.lessened:,} without the owner, the ACL or an attribute of the original"


def _missing(tally: Tally) -> str:
    """Say what a pass that was cut short did not come to; "" where that is not known."""
    found = f"{quantities.items(tally.untouched)} not done" if tally.untouched else ""
    search = "" if tally.walked else "the search for more was not finished"
    return "; ".join(filter(None, (found, search)))


def _print_reasons(tally: Tally, lasting: Lasting, heading: str, terminal: Terminal) -> None:
    reasons = [(reason, count) for reason, count in tally.by_lasting(lasting) if count]
    if not reasons:
        return
    terminal.print(f"  {heading}")
    for reason, count in reasons:
        first = tally.first.get(reason, [])
        if lasting is Lasting.FINE:
            _print_fine(reason, count, first, terminal)
            continue
        _print_reason(reason, count, terminal)
        for line in _items(first, count, terminal.columns() - _NAMES_AT):
            terminal.print(f"{'':{_NAMES_AT}}{line}")


def _print_reason(reason: Reason, count: int, terminal: Terminal) -> None:
    colour = Style.RED if reason is Reason.DAMAGED else Style.YELLOW
    number, rest = f"  {count:>5,} ", f"{'':{_NAMES_AT}}"
    for line in wrapped(reason.meaning, terminal.columns() - len(number)):
        terminal.print(f"{number}{terminal.styled(line, colour)}")
        number = rest


def _print_fine(reason: Reason, count: int, first: list[Left], terminal: Terminal) -> None:
    """Print items that are no trouble: on one line, if that leaves their names some room."""
    columns = terminal.columns()
    number = f"  {count:>5,} "
    *before, last = wrapped(reason.meaning, columns - len(number))
    lines = [f"{'' if at else number:{_NAMES_AT}}{line}" for at, line in enumerate([*before, last])]
    names = ", ".join(shown(left.path) for left in first[:NAMED_FINE])
    if names:
        names += ", …" if count > NAMED_FINE else ""
        room = columns - width(lines[-1]) - len(" ()")
        if room >= min(width(names), _LEAST_NAMES):
            lines[-1] += f" ({fitted(names, room)})"
        else:
            lines.append(f"{'':{_NAMES_AT}}({fitted(names, columns - _NAMES_AT - len('()'))})")
    for line in lines:
        terminal.print(line)


def _items(first: list[Left], count: int, columns: int) -> Iterator[str]:
    """Yield a line for each of the first items, and one for those not named."""
    for left in first[:NAMED]:
        yield _item(left, columns)
    if count > NAMED:
        yield f"… and {count - min(NAMED, len(first)):,} more"


def _item(left: Left, columns: int) -> str:
    """Return a line that names an item and who or what keeps it from being converted."""
    name, about = shown(left.path), _about(left)
    if not about:
        return fitted(name, columns)
    # The name may lose its middle rather than who has it open, but not all of it.
    about = fitted(about, max(columns // 2, columns - width(name) - 2))
    return f"{fitted(name, columns - width(about) - 2)}  {about}"


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
    done = f"would be {whole.word}" if whole.looking else whole.word
    terminal.print(terminal.styled(f"All {len(whole.trees)} directories", Style.BOLD))
    total = f"{quantities.items(converted)} {done}, {volume}; {right:,} were before"
    _print_text(total, terminal, indent=2)


def _print_advice(whole: Whole, terminal: Terminal, command: str) -> None:
    """Say whether it is partial, and how to finish."""
    if whole.looking:
        terminal.print("Dry run: nothing was changed.")
        return
    if not whole.partial:
        return
    if whole.stopped:
        what = f"Stopped, partial: what is {whole.word} stays so, nothing was rolled back."
    elif any(tree.wanting for tree in whole.trees):
        what = f"Partial: {_wanting(whole)} not {whole.word}."
    else:
        what = f"Partial: not everything is known to be {whole.word}."
    _print_text(what, terminal, Style.YELLOW)
    stays = any(count for tree in whole.trees for _, count in tree.tally.by_lasting(Lasting.STAYS))
    # On one line, however long: it is there to be copied.
    terminal.print(f"To finish{', once that is seen to' if stays else ''}: {command}")


def _wanting(whole: Whole) -> str:
    """Say how many items are not right; a directory that could not be entered counts as one."""
    count = quantities.items(sum(tree.wanting for tree in whole.trees))
    if any(tree.tally.left[reason] for tree in whole.trees for reason in _OF_DIRECTORIES):
        return f"{count} or {'directory' if count == quantities.items(1) else 'directories'}"
    return count
