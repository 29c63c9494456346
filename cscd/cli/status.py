"""``cscd status``: how the service is, and how the items of its users are."""

import argparse
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

from pydantic import ValidationError

from cscd.cli.exitcodes import ExitCode
from cscd.cli.overview import Overview
from cscd.cli.service import Service
from cscd.cli.terminal import Terminal
from cscd.daemon.telling.status import Status
from cscd.errors import NotRunningError, ServiceError

EVERY: Final = 1.0
"""Seconds between two looks with ``--watch``."""

_DESCRIPTION: Final = """\
Says how the service is, and for each user how many items are in the state of the cache, which are not, why,
who holds them and when they are tried again. An ordinary user sees what is theirs, root sees everybody.
"""

# Control sequences of xterm(1), which every terminal of today understands. The cursor is hidden meanwhile.
_OTHER_SCREEN: Final = "\x1b[?1049h\x1b[?25l"
_FIRST_SCREEN: Final = "\x1b[?25h\x1b[?1049l"
_TO_TOP: Final = "\x1b[H"
_ERASE_REST_OF_LINE: Final = "\x1b[K"
_ERASE_BELOW: Final = "\x1b[J"


def define(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.description = _DESCRIPTION
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--watch",
        action="store_true",
        help="show it anew every second, until interrupted; with --json one object on each line",
    )
    parser.add_argument("--socket", metavar="PATH", help="ask the service that listens there")


def run(arguments: argparse.Namespace, terminal: Terminal) -> ExitCode:
    """Ask and print. Raises ServiceError, and OSError where we may not ask."""
    service = Service(os.environ, arguments.socket)
    if arguments.watch:
        return _watch(service, terminal, as_json=arguments.json)
    answer = _ask(service)
    if arguments.json:
        terminal.print(json.dumps(answer, indent=2))
    else:
        _print(_status(answer), terminal)
    return _code(_status(answer))


def _watch(service: Service, terminal: Terminal, *, as_json: bool) -> ExitCode:
    """Show it again and again, until interrupted or until the service ends."""
    status = _status(_ask(service))  # before the screen changes: an error is told on the one that stays
    try:
        with _screen(terminal, wanted=not as_json) as show:
            while True:
                answer = _ask(service)
                status = _status(answer)
                if as_json:
                    terminal.print(json.dumps(answer))
                else:
                    show(status)
                time.sleep(EVERY)
    except KeyboardInterrupt:  # the way to end it
        pass
    except NotRunningError:
        terminal.say("the service has stopped")
        return ExitCode.SERVICE
    if not as_json:
        _print(status, terminal)
    return _code(status)


@contextmanager
def _screen(terminal: Terminal, *, wanted: bool) -> Iterator[Callable[[Status], None]]:
    """Give what shows a status in the place of the one before; where that cannot be, below it.

    It happens on a terminal's other screen, so that what was on the first one is there again afterwards.
    """
    # SIGTERM by itself would leave the other screen shown.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    drawn = wanted and terminal.screen
    if drawn:
        terminal.write(_OTHER_SCREEN.encode("ascii"))
    try:
        yield partial(_draw if drawn else _print_below, terminal=terminal)
    finally:
        if drawn:
            terminal.write(_FIRST_SCREEN.encode("ascii"))
        signal.signal(signal.SIGTERM, before)


def _draw(status: Status, terminal: Terminal) -> None:
    """Draw as much as the screen has room for, without a moment in which it is empty."""
    lines = list(Overview(status, terminal).lines())
    rows = terminal.rows()
    if len(lines) > rows:
        lines[rows - 1 :] = [f"… {len(lines) - rows + 1:,} more lines; cscd status shows all"]
    text = f"{_ERASE_REST_OF_LINE}\r\n".join(lines)
    terminal.write_text(f"{_TO_TOP}{text}{_ERASE_REST_OF_LINE}{_ERASE_BELOW}")


def _print_below(status: Status, terminal: Terminal) -> None:
    _print(status, terminal)
    terminal.print()


def _print(status: Status, terminal: Terminal) -> None:
    for line in Overview(status, terminal).lines():
        terminal.print(line)


def _ask(service: Service) -> Any:  # noqa: ANN401 - whatever JSON can be
    return service.ask({"ask": "status"})


def _status(answer: Any) -> Status:  # noqa: ANN401 - as above
    """Return an answer as a status; a later version of the service may say more, which is left out."""
    try:
        return Status.model_validate(answer, extra="ignore")
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        raise ServiceError(
            f"the service answered in a way that this version does not understand ({where}: {first['msg']});"
            " is it of another version? --json prints its answer as it is"
        ) from None


def _code(status: Status) -> ExitCode:
    """Return what to exit with: about the whole cache if the caller sees it, else about their own items."""
    sees_all = len(status.users) >= status.users_all
    wanting = status.partial if sees_all else any(user.partial for user in status.users)
    return ExitCode.PARTIAL if wanting else ExitCode.OK
