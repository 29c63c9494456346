"""Encrypts, rekeys and decrypts a tree by turns until its standard input ends; then one last pass decrypts.

``python -m tests.races.flipper TREE STATE_DIRECTORY HOT`` does pass after pass. If HOT is less than all items
it converts only the first HOT of each kind, again and again, every other time in the foreground: then whoever
opens an item while it is converted waits. Prints a JSON object: what came of it.
"""

import json
import os
import select
import sys
from collections import Counter
from dataclasses import replace
from itertools import cycle
from typing import Final

from cscd import age
from cscd.age import X25519Identity
from cscd.files.batch import Converter, Order
from cscd.files.goal import Goal, State
from cscd.files.lease import LeaseWatch
from cscd.files.outcome import Outcome, Reason, Result
from cscd.files.rewrite import Rewriter
from cscd.files.tree import Tree
from cscd.worker.passes.options import Options
from cscd.worker.passes.recheck import Pass
from cscd.worker.passes.selection import Selection
from cscd.worker.passes.tally import Tally
from tests.races.application import ITEMS
from tests.races.content import IDENTITY, NEXT

_LAST: Final = 30.0
"""Seconds for the last pass, when nobody is at work any more."""


def goal(state: State, key: X25519Identity = IDENTITY, *, background: bool = True) -> Goal:
    """Return what the items shall be; what is encrypted to the other key is brought to this one."""
    recipient, identities = key.recipient, (IDENTITY, NEXT)
    return Goal(state, (recipient,), age.key_id(recipient), identities, background=background, rekey=True)


TURNS: Final = (goal(State.ENCRYPTED), goal(State.ENCRYPTED, NEXT), goal(State.UNENCRYPTED))


def one_pass(root: str, state_directory: str, to: Goal, retry_for: float = 0.0) -> Tally:
    """Do a pass in the background, as at logon."""
    tree = Tree.open(root)
    try:
        options = Options(Selection(), state_directory, retry_for=retry_for, processes=2)
        return Pass(tree, to, options, lambda _tally, _waiting: None).run()
    finally:
        tree.close()


def kept_by(tally: Tally) -> dict[str, str]:
    """Return the second names that a pass kept a version under, each with its item, relative to the tree."""
    named = (
        (left.path, second_name(left.path, left.result)) for left in tally.first.get(Reason.KEPT_BOTH, ())
    )
    return {
        second: path for path, second in named if second != path
    }  # a later pass says it of the name itself


def second_name(path: str, result: Result) -> str:
    """Return where the other version of an item is: its name is the last word of the result."""
    return os.path.join(os.path.dirname(path), result.detail.split()[-1])


def flip_passes(root: str, state_directory: str, counts: Counter[str], kept: dict[str, str]) -> None:
    """Flip the whole tree until told to end."""
    for to in cycle(TURNS):
        if told_to_end():
            break
        tally = one_pass(root, state_directory, to)
        counts["passes"] += 1
        counts["rekeyed"] += tally.rekeyed
        counts["converted"] += tally.converted
        counts.update({str(reason): count for reason, count in tally.left.items()})
        kept.update(kept_by(tally))


def flip_hot(root: str, hot: int, counts: Counter[str], kept: dict[str, str]) -> None:
    """Flip a few items of each kind in this process until told to end."""
    directories = {
        os.open(path, os.O_RDONLY | os.O_DIRECTORY): os.path.basename(path) for path in os.scandir(root)
    }
    orders = [(directory, f"item-{number:02d}") for directory in directories for number in range(hot)]
    goals = cycle(replace(to, background=background) for background in (True, False) for to in TURNS)
    device = os.stat(root).st_dev
    with LeaseWatch() as watch:
        while not told_to_end():
            batch = [Order(directory, name) for directory, name in orders]
            Converter(next(goals), device, watch, Rewriter(1), lambda: None, lambda _read: None).run(batch)
            counts["passes"] += 1
            for order in batch:
                if order.result:
                    counts["converted"] += order.result.converted
                    counts["rekeyed"] += order.result.outcome is Outcome.REKEYED
                    counts[str(order.result.reason or order.result.outcome)] += 1
                    if order.result.reason is Reason.KEPT_BOTH:
                        path = os.path.join(directories[order.directory], order.name)
                        kept[second_name(path, order.result)] = path


def told_to_end() -> bool:
    """Whether the standard input has ended."""
    return bool(select.select([sys.stdin], [], [], 0)[0])


def main(root: str, state_directory: str, hot: str) -> None:
    """Flip, and bring everything into its first state in the end."""
    counts: Counter[str] = Counter()
    kept: dict[str, str] = {}
    if int(hot) < ITEMS:
        flip_hot(root, int(hot), counts, kept)
    else:
        flip_passes(root, state_directory, counts, kept)
    last = one_pass(root, state_directory, goal(State.UNENCRYPTED), _LAST)
    left = [reason for reason, count in last.left.items() if count and reason != "empty"]
    sys.stdout.write(json.dumps({"counts": counts, "left": left, "kept": kept | kept_by(last)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
