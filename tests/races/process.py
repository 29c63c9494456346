"""One process of the races: an application, or the reader.

``python -m tests.races.process KIND DIRECTORY NUMBER SEED COUNT DEADLINE HOT`` works on the first HOT items
of a directory until COUNT things are acknowledged or DEADLINE seconds have passed. KIND ``reader`` reads the
items of a whole tree until its standard input ends. Both print a JSON object.
"""

import json
import random
import select
import sys
import time
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from tests.races.application import Application
from tests.races.database import Database
from tests.races.movers import Link, Mode, Recreate, Rename
from tests.races.reader import Reader
from tests.races.writers import Append, Map, Patch, Rewrite, Save, Truncate

KINDS: Final[MappingProxyType[str, type[Application]]] = MappingProxyType(
    {
        kind.kind: kind
        for kind in (Append, Rewrite, Save, Truncate, Patch, Map, Database, Rename, Recreate, Link, Mode)
    }
)
_ENOUGH: Final = 10
"""Torn files after which a reader has seen enough."""


def work(kind: str, directory: str, *numbers: str) -> dict[str, Any]:
    """Be an application."""
    number, seed, count, deadline, hot = map(int, numbers)
    application = KINDS[kind](Path(directory), number, random.Random(seed))
    application.run(count, time.monotonic() + deadline, hot)
    application.finish()
    return {
        "acknowledged": application.acknowledged,
        "refused": application.refused,
        "failures": application.failures,
        "known": application.known,
    }


def read(tree: str, seed: str) -> dict[str, Any]:
    """Be the reader."""
    reader = Reader(Path(tree), random.Random(seed))
    while not select.select([sys.stdin], [], [], 0.0005)[0] and len(reader.failures) < _ENOUGH:
        reader.read()
    return {"seen": reader.seen, "failures": reader.failures}


if __name__ == "__main__":
    _, what, *arguments = sys.argv
    sys.stdout.write(json.dumps(read(*arguments) if what == "reader" else work(what, *arguments)))
