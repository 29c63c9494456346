"""What the service says of itself, for people: first the machine, then each user, who needs attention first.

Lines are made for the width of the terminal, like those of a summary: text is wrapped between words, names
lose their middle.
"""

import os
import time
from collections.abc import Iterator, Sequence
from typing import Final

from cscd.cli import quantities
from cscd.cli.names import fitted, harmless, shown, width, wrapped
from cscd.cli.terminal import Style, Terminal
from cscd.daemon.telling.status import (
    LastPass,
    OperationStatus,
    Reasons,
    RunningPass,
    Status,
    StuckItem,
    UserStatus,
)
from cscd.events.fields import spoken
from cscd.files.outcome import Reason

NAMED: Final = 5
"""Items named for each reason."""
_LABEL: Final = 10
"""Columns of a label and the space after it."""
_INDENT: Final = 2
"""Columns before what is said of a user."""
_ITEMS_AT: Final = _INDENT + _LABEL + 2
"""The column that items are named from."""
_BAR: Final = 20
"""Cells of a bar."""
_MINUTE: Final = 60
_HOUR: Final = 3_600
_DAY: Final = 86_400
_ENOUGH: Final = 0.05
"""The part of a pass that has to be done before the rest is estimated."""
_MEANINGS: Final = {reason.value: reason.meaning for reason in Reason}

_WHY: Final = {
    "logon": "at logon",
    "logoff": "after logoff",
    "interval": "the regular recheck",
    "retry": "another try",
    "new_items": "new files",
    "watch_degraded": "in case new files were missed",
    "root_found": "a directory has come",
    "reload": "the configuration changed",
    "call": "somebody asked for it",
    "resume": "the service was restarted",
    "rekey": "to another key",
}
"""What a pass is for; a name that is not here says it itself."""

_POLICY: Final = {
    "encrypted": "encrypted; nobody can change the state of the cache",
    "unencrypted": "unencrypted; nobody can change the state of the cache",
    "user-controlled": "user-controlled; an administrator can change the state of the cache",
}

_WORKER: Final = {
    "none": "",
    "starting": "being started",
    "ready": "",
    "restarting": "failed, and is started again in a moment; `cscd logs` says why",
    "abandoned": "failed too often: nothing is done for this user before the next logon;"
    " `cscd logs` says why",
}


class Overview:
    """The lines about one status."""

    def __init__(self, status: Status, terminal: Terminal) -> None:
        """Take what the service said, and where it will be shown."""
        self._status = status
        self._terminal = terminal
        self._columns = terminal.columns()

    def lines(self) -> Iterator[str]:
        """Yield all of it, ready to be printed."""
        yield from self._machine()
        users = sorted(self._status.users, key=lambda user: (not _busy(user), user.name))
        for number, user in enumerate(users):
            if _busy(user) or not number or _busy(users[number - 1]):
                yield ""
            yield from self._user(user) if _busy(user) or len(users) == 1 else self._quiet(user)
        if not users:
            yield ""
            yield from self._text("", _nobody(self._status))

    # -- the machine ----------------------------------------------------------------------------------------

    def _machine(self) -> Iterator[str]:
        status = self._status
        if not status.partial:
            everything = f"{status.state}, every file of it" if status.users_all else status.state.value
            yield from self._text("Cache", everything, Style.GREEN)
        elif any(user.partial for user in status.users) or self._all_seen:
            yield from self._text("Cache", f"to be {status.state}; not all of it is yet", Style.YELLOW)
        else:
            yield from self._text("Cache", f"{status.state}; some files of other users are not yet")
        yield from self._text("Policy", _POLICY[status.policy])
        running = quantities.seconds(status.uptime)
        yield from self._text("Service", f"cscd {status.version} for {running}, process {status.pid}")
        if status.session_source != "self":
            seen = f"seen through {status.session_source}" if status.session_source else "not seen now"
            yield from self._text("Logons", seen, *([] if status.session_source else [Style.RED]))
        if status.passes_running or status.passes_waiting:
            yield from self._text("Passes", _passes(status))
        if status.recovery_recipients and status.state == "encrypted":
            yield from self._recovery()
        for warning in status.warnings:
            yield from self._text("Warning", harmless(warning), Style.YELLOW)

    def _recovery(self) -> Iterator[str]:
        """Say whether the key that could restore everything has been tried."""
        keys = self._status.recovery_recipients
        count = f"{keys} key{'' if keys == 1 else 's'}"
        drill = self._status.recovery_drill
        if drill is None:
            never = f"{count}, never tried; try it: cscd keys recovery-drill"
            yield from self._text("Recovery", never, Style.YELLOW)
            return
        tried = f"{count}, tried {self._ago(drill.at)}"
        if drill.failed:
            result = f"{tried}: opened {drill.items - drill.failed:,} of {quantities.items(drill.items)}"
            yield from self._text("Recovery", result, Style.RED)
        else:
            yield from self._text("Recovery", f"{tried}: opened all of {quantities.items(drill.items)}")

    @property
    def _all_seen(self) -> bool:
        return len(self._status.users) >= self._status.users_all

    # -- a user ---------------------------------------------------------------------------------------------

    def _quiet(self, user: UserStatus) -> Iterator[str]:
        """Say on one line that everything is right."""
        checked = f", checked {self._ago(user.last.ended)}" if user.last else ""
        name = self._terminal.styled(fitted(shown(user.name), 24), Style.BOLD)
        yield f"{name}  {fitted(f'all right: {_right(user)}{checked}', max(20, self._columns - 26))}"

    def _user(self, user: UserStatus) -> Iterator[str]:
        sessions = f"{user.sessions} session{'' if user.sessions == 1 else 's'}"
        about = f"  uid {user.uid}, {sessions if user.sessions else 'logged off'}"
        yield self._terminal.styled(fitted(shown(user.name), self._columns - 30), Style.BOLD) + about
        if user.partial:
            known = f"right: {_right(user)}; others are not, or are not known to be"
            yield from self._text("Items", known, Style.YELLOW, indent=_INDENT)
        else:
            yield from self._text("Items", f"all right: {_right(user)}", Style.GREEN, indent=_INDENT)
        if user.running:
            yield from self._running(user.running)
        elif user.waiting:
            yield from self._text("Now", "waiting for its turn", indent=_INDENT)
        if user.operation:
            yield from self._text("Called", self._operation(user.operation), indent=_INDENT)
        yield from self.left(user)
        yield from self._surroundings(user)
        if user.last:
            yield from self._text("Last pass", self._last(user.last), indent=_INDENT)

    def left(self, user: UserStatus) -> Iterator[str]:
        """Yield which items of a user are not right, why, and what becomes of them."""
        yield from self._reasons("Pending", "tried again by themselves", user.pending, user.stuck)
        yield from self._reasons("Failed", "somebody has to see to them", user.failed, user.stuck)

    def _operation(self, operation: OperationStatus) -> str:
        """Say who asked for what, and since when they wait."""
        what = f"{_verb(operation.goal)}{' in the background' if operation.background else ''}"
        since = self._since(operation.began)
        if not operation.callers:
            return f"{what}, for {since}"
        first = operation.callers[0]
        process = f" (pid {first.pid})" if first.pid else ""
        more = operation.waiting - 1
        also = f" and {more:,} more call{'' if more == 1 else 's'}" if more else ""
        return f"{what}: {shown(first.name)}{process}{also} waiting for {since}"

    def _running(self, running: RunningPass) -> Iterator[str]:
        """Say what a pass does, and how far it is, with a bar."""
        yield from self._text(
            "Now",
            f"{_verb(running.goal)} ({_why(running.trigger)}), for {self._since(running.began)}",
            indent=2,
        )
        part = _part(running)
        elapsed = self._status.time - running.began
        left = ""
        if part >= _ENOUGH and elapsed >= 1:
            left = f", {quantities.seconds(elapsed * (1 - part) / part)} left"
        yield from self._text(
            "", f"[{'#' * int(part * _BAR):.<{_BAR}}] {int(part * 100)} %{left}", indent=_INDENT
        )
        size = f"{quantities.size(running.bytes)} of {quantities.size(running.found_bytes)}"
        waiting = f", {running.waiting:,} to be tried again" if running.waiting else ""
        counts = f"{running.items:,} of {quantities.items(running.found)}, {size}{waiting}"
        yield from self._text("", counts, indent=_INDENT)

    def _reasons(
        self, label: str, meaning: str, reasons: Sequence[Reasons], stuck: Sequence[StuckItem]
    ) -> Iterator[str]:
        """Name why items are not right, and the first of them."""
        if not reasons:
            return
        count = sum(each.items for each in reasons)
        yield from self._text(label, f"{quantities.items(count)}, {meaning}", Style.YELLOW, indent=_INDENT)
        for each in reasons:
            yield from self._text("", f"{each.items:,} {_meaning(each.reason)}", indent=_INDENT)
            named = [item for item in stuck if item.reason == each.reason][:NAMED]
            for item in named:
                yield from self._item(item, self._columns - _ITEMS_AT)
            if named and each.items > len(named):
                yield f"{'':{_ITEMS_AT}}… and {each.items - len(named):,} more"

    def _item(self, item: StuckItem, columns: int) -> Iterator[str]:
        """Name an item, with who holds it and when it is tried again, on one line or else on two."""
        name, about = shown(item.path.path), self._about(item)
        indent = " " * _ITEMS_AT
        if about and width(name) + len("  ") + width(about) <= columns:
            yield f"{indent}{name}  {about}"
            return
        yield f"{indent}{fitted(name, columns)}"
        if about:
            yield f"{indent}  {fitted(about, columns - 2)}"

    def _about(self, item: StuckItem) -> str:
        facts = []
        if item.holders:
            first, *more = item.holders
            also = f" and {len(more)} more" if more else ""
            facts.append(f"open in {harmless(first.command)} (pid {first.pid}){also}")
        elif item.detail:
            facts.append(harmless(item.detail))
        elif item.errno and item.reason == Reason.IO_ERROR:
            facts.append(os.strerror(item.errno))
        if item.retry_at is not None:
            left = item.retry_at - self._status.time
            facts.append(f"tried again in {quantities.seconds(left)}" if left > 0 else "tried again now")
        return ", ".join(facts)

    def _surroundings(self, user: UserStatus) -> Iterator[str]:
        """Say what is out of order around the items: directories, worker, key."""
        for root in user.roots:
            if root.state != "watched":
                what = "waited for" if root.state == "awaited" else "new files are only found by rechecks"
                why = f" ({spoken(root.reason)})" if root.reason else ""
                path = fitted(shown(root.path.path), max(16, self._columns - _INDENT - _LABEL))
                yield from self._text("Directory", f"{path}: {what}{why}", Style.YELLOW, indent=_INDENT)
        if about := _WORKER[user.worker]:
            styles = [] if user.worker == "starting" else [Style.RED]
            yield from self._text("Worker", about, *styles, indent=_INDENT)
        if user.key == "locked":
            yield from self._text(
                "Key",
                f"{user.key_id}, locked: it encrypts, but opens nothing before cscd keys unlock",
                indent=_INDENT,
            )
        elif user.key_id:
            yield from self._text("Key", user.key_id, indent=_INDENT)

    def _last(self, last: LastPass) -> str:
        ended = self._ago(last.ended)
        if last.error:
            return f"{_why(last.trigger)}, {ended}: could not be done ({spoken(last.error)})"
        done = f"{quantities.items(last.converted)} {last.goal}"
        if last.converted_bytes:
            done += f", {quantities.size(last.converted_bytes)}"
        stopped = ", stopped before its end" if last.stopped else ""
        took = quantities.seconds(last.seconds)
        return f"{_why(last.trigger)}, {ended}: {done}, {last.right:,} were before; took {took}{stopped}"

    # -- words ----------------------------------------------------------------------------------------------

    def _ago(self, moment: float) -> str:
        seconds = max(0.0, self._status.time - moment)
        if seconds < _DAY:
            return f"{_roughly(seconds)} ago"
        return time.strftime("on %Y-%m-%d at %H:%M", time.localtime(moment))

    def _since(self, moment: float) -> str:
        return quantities.seconds(max(0.0, self._status.time - moment))

    def _text(self, label: str, text: str, *styles: str, indent: int = 0) -> Iterator[str]:
        """Yield a sentence beside its label, wrapped between its words."""
        for line in wrapped(text, self._columns - indent - _LABEL):
            yield f"{'':{indent}}{label:<{_LABEL}}{self._terminal.styled(line, *styles)}"
            label = ""


def _roughly(seconds: float) -> str:
    """Return a time span in its largest unit: ``5 min``."""
    if seconds >= _HOUR:
        return f"{int(seconds // _HOUR)} h"
    return f"{int(seconds // _MINUTE)} min" if seconds >= _MINUTE else f"{int(seconds)} s"


def _busy(user: UserStatus) -> bool:
    """Whether there is more to say of a user than that all is right."""
    awaited = any(root.state == "unwatched" for root in user.roots)
    return user.partial or awaited or bool(user.running or user.waiting or _WORKER[user.worker])


def _right(user: UserStatus) -> str:
    volume = f", {quantities.size(user.right_bytes)}" if user.right_bytes else ""
    return f"{quantities.items(user.right)}{volume}"


def _part(running: RunningPass) -> float:
    """Return how much of what was found is done: by bytes and by number, the lesser of both."""
    by_number = running.items / running.found if running.found else 0.0
    by_bytes = running.bytes / running.found_bytes if running.found_bytes else by_number
    return min(1.0, by_number, by_bytes)


def _passes(status: Status) -> str:
    waiting = f", {status.passes_waiting:,} waiting for their turn" if status.passes_waiting else ""
    return f"{status.passes_running:,} under way{waiting}"


def _verb(goal: str) -> str:
    return {"encrypted": "encrypting", "unencrypted": "unencrypting"}[goal]


def _why(trigger: str) -> str:
    return _WHY.get(trigger, spoken(trigger))


def _meaning(reason: str) -> str:
    return _MEANINGS.get(reason, spoken(reason))


def _nobody(status: Status) -> str:
    if status.users_all:
        return "Nothing is looked after for you: your logon does not count here, or has not been seen yet."
    return "Nobody whose logon counts is logged on."
