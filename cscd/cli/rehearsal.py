"""One recovery drill, from its arguments to what is printed of it."""

import argparse
import base64
import os
from collections.abc import Iterator
from typing import Any, Final, Literal

from cscd.cli import keyring, quantities
from cscd.cli.caches import cache_roots
from cscd.cli.exitcodes import ExitCode, gravest
from cscd.cli.finished import Finished
from cscd.cli.interrupts import Interrupts
from cscd.cli.keyring import Keyring
from cscd.cli.names import fitted, harmless, shown
from cscd.cli.origins import opened
from cscd.cli.progress import Progress
from cscd.cli.report import Count, Model, ReasonReport
from cscd.cli.service import Service
from cscd.cli.terminal import Style, Terminal
from cscd.daemon.telling.requests import MOST_RECIPIENTS
from cscd.errors import ServiceError, TargetError
from cscd.worker.passes.drill import Drill, Place
from cscd.worker.passes.tally import Tally

NAMED: Final = 5
"""Items named for each reason."""


class DrillReport(Model):
    """What ``cscd keys recovery-drill --json`` prints."""

    format: Literal[1]
    """The version of this object."""
    command: Literal["keys recovery-drill"]
    """What it is the report of."""
    exit_code: Count
    """What the command exits with."""
    outcome: str
    """The name of the exit code, in lower case."""
    files: Count
    """Files that there were to draw from."""
    items: Count
    """Encrypted ones that were drawn and tried."""
    failed: Count
    """Of these, those that the key does not open."""
    left: tuple[ReasonReport, ...]
    """The same by reason; the paths are absolute."""
    stopped: bool
    """Whether a signal stopped it."""
    remembered: bool
    """Whether the service has logged it as the drill of a recovery key in force."""


def hold(arguments: argparse.Namespace, terminal: Terminal) -> ExitCode:
    """Draw, try, tell the service, and print what came of it."""
    keys = keyring.for_decrypting(arguments, None)
    paths = arguments.paths or cache_roots(terminal)
    with Interrupts(terminal) as interrupts, opened(paths) as origins:
        places = [Place(origin.tree, origin.only) for origin in origins]
        progress = Progress(terminal, "a sample", "trying", interrupts)
        drill = Drill(places, keys.identities, arguments.sample, progress)
        interrupts.watch(drill)
        try:
            drill.run()
        finally:
            progress.close()
    if not drill.items and not drill.stopped:
        raise TargetError(
            f"nothing was tried: none of the {drill.files:,} files below {_named(paths)} is encrypted"
        )
    remembered = not drill.stopped and _tell_service(drill, keys, terminal)
    code = _code(drill)
    if arguments.json:
        terminal.print(_report(drill, code, remembered=remembered).model_dump_json(indent=2))
    else:
        for line in _lines(drill, terminal):
            terminal.print(line)
    return code


def _named(paths: list[str]) -> str:
    return shown(paths[0]) if len(paths) == 1 else f"{len(paths):,} directories"


def _code(drill: Drill) -> ExitCode:
    finished = Finished("", drill.tally, begun=True, stopped=drill.stopped)
    return gravest(finished.codes(looking=False))


def _tell_service(drill: Drill, keys: Keyring, terminal: Terminal) -> bool:
    """Have the service log the drill; returns whether it remembers it. That it cannot is told, no failure."""
    question: dict[str, Any] = {
        "ask": "drill",
        "recipients": [str(identity.recipient) for identity in keys.identities][:MOST_RECIPIENTS],
        "items": drill.items,
        "failed": drill.failed,
    }
    if drill.first_reason:
        path = os.fsencode(drill.first)[-8192:]
        question["path"] = base64.b64encode(path).decode("ascii")
        question["reason"] = drill.first_reason.value
    try:
        answer = Service(os.environ).ask(question)
    except (ServiceError, OSError) as error:
        terminal.say(f"not logged: {error}")
        return False
    if not (isinstance(answer, dict) and answer.get("remembered") is True):
        terminal.say(
            "not logged: this key is none of encryption.recovery_recipients, and proves nothing of them"
        )
        return False
    return True


def _report(drill: Drill, code: ExitCode, *, remembered: bool) -> DrillReport:
    tally = drill.tally
    return DrillReport(
        format=1,
        command="keys recovery-drill",
        exit_code=code.value,
        outcome=code.name.lower(),
        files=drill.files,
        items=drill.items,
        failed=drill.failed,
        left=tuple(ReasonReport.of(reason, count, tally) for reason, count in tally.left.most_common()),
        stopped=drill.stopped,
        remembered=remembered,
    )


def _lines(drill: Drill, terminal: Terminal) -> Iterator[str]:
    tried = f"tried {quantities.items(drill.items)} of {drill.files:,} files"
    if drill.stopped:
        yield terminal.styled("Stopped before the sample was through: not logged.", Style.YELLOW)
    if not drill.items:
        return
    if not drill.failed:
        yield f"The key opens every one: {tried}."
        return
    opened_ones = drill.items - drill.failed
    yield terminal.styled(f"The key opens {opened_ones:,}, and {drill.failed:,} not: {tried}.", Style.RED)
    yield from _failures(drill.tally, terminal.columns())
    yield "What it does not open, it could not save."


def _failures(tally: Tally, columns: int) -> Iterator[str]:
    for reason, count in tally.left.most_common():
        yield f"  {count:>5,} {reason.meaning}"
        for left in tally.first[reason][:NAMED]:
            about = f"  {harmless(left.result.detail)}" if left.result.detail else ""
            yield fitted(f"        {shown(left.path)}{about}", columns)
        if count > NAMED:
            yield f"        … and {count - NAMED:,} more"
