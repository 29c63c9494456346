"""Flips a tree back and forth, pass after pass, until its standard input ends; then one last pass decrypts.

``python -m tests.races.flipper TREE STATE_DIRECTORY`` prints a JSON object: what came of the items.
"""

import json
import select
import sys
from collections import Counter
from itertools import cycle
from typing import Final

from cscd import age
from cscd.files.goal import Goal, State
from cscd.files.tree import Tree
from cscd.worker.recheck import Options, Pass
from cscd.worker.selection import Selection
from cscd.worker.tally import Tally
from tests.races.content import IDENTITY

_LAST: Final = 30.0
"""Seconds for the last pass, when nobody is at work any more."""


def one_pass(root: str, state_directory: str, state: State, retry_for: float = 0.0) -> Tally:
    """Do a pass in the background, as at logon."""
    recipient = IDENTITY.recipient
    goal = Goal(state, (recipient,), age.key_id(recipient), (IDENTITY,))
    tree = Tree.open(root)
    try:
        options = Options(Selection(), state_directory, retry_for=retry_for, processes=2)
        return Pass(tree, goal, options, lambda _tally, _waiting: None).run()
    finally:
        tree.close()


def main(root: str, state_directory: str) -> None:
    """Flip until told to end."""
    counts: Counter[str] = Counter()
    for state in cycle((State.ENCRYPTED, State.UNENCRYPTED)):
        if select.select([sys.stdin], [], [], 0)[0]:
            break
        tally = one_pass(root, state_directory, state)
        counts["passes"] += 1
        counts["converted"] += tally.converted
        counts.update({str(reason): count for reason, count in tally.left.items()})
    last = one_pass(root, state_directory, State.UNENCRYPTED, _LAST)
    left = [reason for reason, count in last.left.items() if count and reason != "empty"]
    sys.stdout.write(json.dumps({"counts": counts, "left": left}))


if __name__ == "__main__":
    main(*sys.argv[1:])
