"""What the races may excuse: two programs wrote, one to each version, and the pass kept both versions.

That takes a writer that stands for longer than SETTLE_AFTER between its path lookup and its open, and another
one at the new version meanwhile: once in hundreds of runs. More than once a run is no accident.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.races.content import final


def judge(tree: Path, wrong: Sequence[str], kept: Mapping[str, str]) -> list[str]:
    """Return what is not excused of what is wrong.

    Excused is only the item that a version was kept of, if a pass said so when it did that, and if the
    version that is kept differs from the item: else nothing that is missing can be in it.

    Args:
        tree: the tree, everything in it plain.
        wrong: in words; each begins with the directory and the name of an item.
        kept: what the passes said: second names, each with the item that it belongs to, relative to the tree.
    """
    found = sorted(str(path.relative_to(tree)) for path in tree.glob("*/.cscd-*"))
    explained = {kept[second] for second in found if second in kept and _differs(tree, second, kept[second])}
    if len(found) > 1 or len(explained) < len(found):
        return [*wrong, *(f"{second}: is there" for second in found)]
    for second in found:
        print(f"kept beside its item: {second}")  # noqa: T201
    return [what for what in wrong if re.split("[:,]", what)[0] not in explained]


def _differs(tree: Path, second: str, item: str) -> bool:
    """Whether the version that was kept is another one than the item, or the item is gone."""
    return not (tree / item).exists() or final(tree / second) != final(tree / item)
