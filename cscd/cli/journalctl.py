"""The log in the journal, read by journalctl(1): the one reader of its files that fits every version.

Anybody may write to the journal, and write CSCD_EVENT, too. What the kernel vouches for is the sender's uid:
only what root or the caller sent is taken for a record of cscd.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from typing import Final

from cscd.cli.wanted import Wanted
from cscd.errors import TargetError
from cscd.events.journal import SOCKET
from cscd.events.level import Level
from cscd.events.notices import Suppressed
from cscd.events.record import IDENTIFIER, Record

PROGRAM: Final = "journalctl"

LAST: Final = 10
"""Records shown before following, as tail(1) does."""


def available(socket: str = SOCKET) -> bool:
    """Return whether a journal runs here that can be read."""
    return shutil.which(PROGRAM) is not None and os.path.exists(socket)


def records(wanted: Wanted, *, follow: bool) -> Iterator[Record]:
    """Yield the records of the journal, oldest first; with `follow`, also those that come.

    Raises:
        TargetError: the journal cannot be read; journalctl has said why.
        OSError: journalctl cannot be started.
    """
    command = arguments(wanted, follow=follow)
    # Hints, as that one sees only one's own messages, go to standard error, where they belong.
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:  # noqa: S603 - no shell, and no argument is anything but an option of ours or FIELD=value
        try:
            for line in process.stdout or ():
                try:
                    record = Record.from_journal(json.loads(line))
                except ValueError:
                    continue  # of another version, or not ours at all
                if wanted.has(record):
                    yield record
            if process.wait():
                raise TargetError(f"{PROGRAM} could not read the journal")
        finally:
            process.terminate()


def arguments(wanted: Wanted, *, follow: bool) -> list[str]:
    """Return the command line that asks for records."""
    command = [PROGRAM, "--output=json", "--all", "--no-pager"]
    if wanted.since:
        command.append(f"--since=@{wanted.since.timestamp():.6f}")
    if wanted.until:
        command.append(f"--until=@{wanted.until.timestamp():.6f}")
    if follow:
        command += ["--follow", "--no-tail" if wanted.since else f"--lines={LAST}"]
    return [*command, *_matches(wanted)]


def _matches(wanted: Wanted) -> Iterator[str]:
    """Yield matches: alternatives within a field, all fields together, + between two such sets."""
    common = [f"SYSLOG_IDENTIFIER={IDENTIFIER}", *(f"_UID={uid}" for uid in sorted({0, os.getuid()}))]
    if wanted.user is not None:
        common.append(f"CSCD_USER={wanted.user}")
    if wanted.pass_id is not None:
        common.append(f"CSCD_PASS={wanted.pass_id}")
    if wanted.level is not Level.DEBUG:
        common += [f"PRIORITY={priority}" for priority in range(wanted.level + 1)]
    yield from common
    if wanted.event is not None:
        yield f"CSCD_EVENT={wanted.event}"
        yield "+"
        yield from common
        yield f"CSCD_EVENT={Suppressed.kind.name}"
        yield f"CSCD_SUPPRESSED_EVENT={wanted.event}"
