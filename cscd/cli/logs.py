"""``cscd logs``: what the service did, from the journal or from its file."""

import argparse
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Final

from cscd.cli import journalctl, jsonlines
from cscd.cli.config import checks
from cscd.cli.exitcodes import ExitCode
from cscd.cli.instant import EXAMPLES, instant
from cscd.cli.story import Stories, Story
from cscd.cli.terminal import OUT, Style, Terminal
from cscd.cli.wanted import Wanted
from cscd.config import load, source
from cscd.config.settings import LoggingSettings
from cscd.errors import ConfigError, TargetError
from cscd.events.catalogue import CATALOGUE
from cscd.events.console import Console, harmless, moment, wants_colour
from cscd.events.fields import joined, spoken
from cscd.events.level import Level
from cscd.events.record import Record

_DESCRIPTION: Final = """\
Prints the events of the service, one on each line, oldest first: from the journal, or from its file of JSON
lines where it is configured to write one. docs/log-events.md says what each event means and what to do.
"""

_TIME_AGO: Final = re.compile(r"-\d")
"""What begins like an option and is none: -2h."""


def define(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.description = _DESCRIPTION
    # argparse knows by this what is a negative number and not an option; it has no other switch for it.
    parser._negative_number_matcher = _TIME_AGO  # noqa: SLF001
    parser.add_argument("--user", metavar="USER", help="only events of this user")
    parser.add_argument("--event", metavar="EVENT", type=_event, help="only this event, such as item_skipped")
    parser.add_argument(
        "--level",
        type=_level,
        default=Level.DEBUG,
        metavar="LEVEL",
        help="only this level and graver ones: debug, info, warning, error, critical",
    )
    parser.add_argument("--since", metavar="TIME", type=instant, help=f"not older than {EXAMPLES}")
    parser.add_argument("--until", metavar="TIME", type=instant, help="not newer than that")
    parser.add_argument("--pass", dest="pass_id", metavar="ID", help="only events of this pass")
    parser.add_argument(
        "--file", metavar="FILE", help="read this file of JSON lines, and those rotated from it"
    )
    manner = parser.add_mutually_exclusive_group()
    manner.add_argument("--follow", action="store_true", help="go on with what comes, until interrupted")
    manner.add_argument(
        "--summary",
        action="store_true",
        help="print items instead of events: why each was left alone, who held it, whether it is right now",
    )
    parser.add_argument("--json", action="store_true", help="print each event as a JSON object on one line")


def run(arguments: argparse.Namespace, terminal: Terminal) -> ExitCode:
    """Print what is asked for. Raises TargetError where there is no log, and OSError."""
    if arguments.summary and arguments.json:
        terminal.say("--summary is for people; --json has the events that it is made of")
        return ExitCode.USAGE
    wanted = Wanted(
        arguments.user, arguments.event, arguments.level, arguments.since, arguments.until, arguments.pass_id
    )
    found = _records(arguments, wanted)
    if arguments.summary:
        _print_summary(found, terminal)
    else:
        try:
            _print_lines(found, terminal, json=arguments.json)
        except KeyboardInterrupt:
            if not arguments.follow:  # there it is the way to end
                raise
    return ExitCode.OK


def _event(name: str) -> str:
    """Return the name of an event; argparse names the option."""
    if name in CATALOGUE:
        return name
    raise argparse.ArgumentTypeError(f"{name!r} is not an event; docs/log-events.md lists them all")


def _level(label: str) -> Level:
    try:
        return Level.named(label)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _records(arguments: argparse.Namespace, wanted: Wanted) -> Iterator[Record]:
    """Return the records from where they are. Raises TargetError if they are nowhere."""
    path = arguments.file or _configured()
    if path:
        return jsonlines.records(path, wanted, follow=arguments.follow)
    return journalctl.records(wanted, follow=arguments.follow)


def _configured() -> str:
    """Return the file that the service writes to, "" for the journal. Raises TargetError for neither."""
    settings = LoggingSettings()
    with suppress(ConfigError, OSError):  # `cscd config check` is there to complain
        settings = load(source(), checks()).settings.logging
    if settings.destination == "file" and os.path.exists(settings.file):
        return settings.file
    if journalctl.available():
        return ""
    if os.path.exists(settings.file):
        return settings.file
    raise TargetError(
        f"there is no log: no journal runs here, and {settings.file} is not there. Start the service"
        " (systemctl start cscd), or say with --file where its log is"
    )


def _print_lines(records: Iterable[Record], terminal: Terminal, *, json: bool) -> None:
    console = Console(colour=_colour(), date=True)
    any_found = False
    for record in records:
        any_found = True
        terminal.write((record.line() if json else console.line(record)).encode("utf-8", "backslashreplace"))
    if not any_found:
        terminal.say("no event in the log is like that")


def _print_summary(records: Iterable[Record], terminal: Terminal) -> None:
    stories = Stories()
    stories.read(records)
    told = list(stories.told())
    for story in told:
        _print_story(story, terminal)
    open_ones = sum(story.right is None for story in told)
    terminal.print(f"Items left alone: {len(told)}; not known to be right now: {open_ones}.")
    if stories.untold:
        terminal.print(f"Further times that the log only counted: {stories.untold}.")


def _print_story(story: Story, terminal: Terminal) -> None:
    terminal.print(terminal.styled(harmless(joined(story.user, story.path, by="  ")), Style.BOLD))
    held = f"by {joined(*story.holders)}" if story.holders else ""
    tries = f"tried {story.tries} times, last {_when(story.last.time_us)}" if story.tries > 1 else ""
    first = f"since {_when(story.first.time_us)}"
    terminal.print(harmless(f"  {joined(joined(spoken(story.reason), held, by=' '), first, tries)}"))
    if story.right:
        now = f"{story.right.fields.get('outcome', 'right')} since {_when(story.right.time_us)}"
        terminal.print("  " + terminal.styled(harmless(now), Style.GREEN))
    else:
        again = f"; next try by {_when(story.next_us)}" if story.next_us else ""
        terminal.print("  " + terminal.styled(f"not right{again}", Style.YELLOW))


def _when(time_us: int) -> str:
    return moment(time_us).strftime("%m-%d %H:%M:%S")


def _colour() -> bool:
    return wants_colour(os.environ, terminal=os.isatty(OUT))
