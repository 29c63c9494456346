"""What came of a call of Encrypt: the code as an exit code, in words, and with what to do about it."""

from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from cscd.cli import quantities
from cscd.cli.exitcodes import ExitCode
from cscd.cli.names import shown, wrapped
from cscd.cli.overview import Overview
from cscd.cli.terminal import Style, Terminal
from cscd.client import Code, Flag
from cscd.daemon.telling.status import LastPass, Status, UserStatus
from cscd.files.goal import State
from cscd.files.outcome import Reason

EXITS: Final = MappingProxyType(
    {
        Code.SUCCESS: ExitCode.OK,
        Code.ACCESS_DENIED: ExitCode.PERMISSION,
        Code.WRITE_PROTECT: ExitCode.PARTIAL,
        Code.NOT_READY: ExitCode.TARGET,
        Code.SHARING_VIOLATION: ExitCode.PARTIAL,
        Code.NOT_SUPPORTED: ExitCode.PARTIAL,
        Code.INVALID_PARAMETER: ExitCode.USAGE,
        Code.DISK_FULL: ExitCode.SYSTEM,
        Code.BUSY: ExitCode.BUSY,
        Code.IO_DEVICE: ExitCode.SYSTEM,
        Code.CANCELLED: ExitCode.CANCELLED,
        Code.REQUEST_ABORTED: ExitCode.SERVICE,
        Code.NOT_AUTHENTICATED: ExitCode.LOCKED,
        Code.NO_SYSTEM_RESOURCES: ExitCode.SYSTEM,
        Code.DECRYPTION_FAILED: ExitCode.KEY,
    }
)
"""What the command exits with for a code; `docs/command-line.md` repeats it, and a test compares."""

_ADVICE: Final = MappingProxyType(
    {
        Code.ACCESS_DENIED: "see to the permissions of the files above, and repeat the command",
        Code.WRITE_PROTECT: "see to the files above, and repeat the command",
        Code.NOT_READY: "cscd status says which directories are waited for",
        Code.SHARING_VIOLATION: "the service tries again by itself, and as soon as they are closed",
        Code.NOT_SUPPORTED: "see to the files above, and repeat the command",
        Code.DISK_FULL: "make room; the service tries again by itself",
        Code.BUSY: "when that has ended, repeat the command",
        Code.IO_DEVICE: "see the files above, and the kernel's log",
        Code.REQUEST_ABORTED: "once the service runs again it goes on by itself; see: systemctl status cscd",
        Code.NOT_AUTHENTICATED: "unlock your key: cscd keys unlock; or repeat the command with --interactive",
        Code.NO_SYSTEM_RESOURCES: "the service tries again by itself",
        Code.DECRYPTION_FAILED: "see the files above; nothing of them was touched",
    }
)
"""What to do, where there is one thing to say for a code."""
_ROOT: Final = 0
_BY_ITSELF: Final = (Code.SHARING_VIOLATION, Code.DISK_FULL, Code.NO_SYSTEM_RESOURCES)
"""Codes of what the service tries again, as long as the user is logged on."""


@dataclass(frozen=True, slots=True)
class Came:
    """What came of the call for one user."""

    uid: int
    name: str
    code: Code
    seconds: float
    goal: State
    flags: Flag
    status: Status | None
    """What the service said of itself afterwards; None where it did not."""
    own: bool
    """Whether it was about the caller's own items."""

    @property
    def user(self) -> UserStatus | None:
        """What is known of the user afterwards, None where that cannot be seen."""
        users = self.status.users if self.status else ()
        return next((user for user in users if user.uid == self.uid), None)

    @property
    def exit(self) -> ExitCode:
        """What to exit with."""
        damaged = self.user and any(each.reason == Reason.DAMAGED for each in self.user.failed)
        if self.code is Code.DECRYPTION_FAILED and damaged:
            return ExitCode.DAMAGED
        return EXITS[self.code]

    @property
    def done(self) -> LastPass | None:
        """The pass that did it."""
        last = self.user.last if self.user else None
        return last if last and last.trigger == "call" and last.goal is self.goal else None

    @property
    def changed(self) -> bool:
        """Whether the cache is in the state asked for: new files are."""
        return self.status is not None and self.status.state is self.goal


class Words:
    """The lines about it."""

    def __init__(self, came: Came, terminal: Terminal, repeat: str) -> None:
        """Take what came, where it will be shown, and the command that finishes it."""
        self._came = came
        self._terminal = terminal
        self._repeat = repeat

    def lines(self) -> Iterator[str]:
        """Yield all of it."""
        came = self._came
        whose = "" if came.own else f"{shown(came.name)}: "
        good = came.code is Code.SUCCESS
        title = f"{came.code.label} ({came.code.value}): {came.code.meaning}"
        yield from self._text(f"{whose}{title}", Style.GREEN if good else Style.YELLOW)
        if came.done and (came.done.converted or good):
            yield from self._text(_converted(came.done))
        if good and came.own and came.uid == _ROOT:
            yield from self._text(
                f"The cache is to be {came.goal}: who is logged on follows now, others at their next logon."
                " root itself has no cached files."
            )
        if not good:
            if came.status and came.user and came.changed:
                yield from Overview(came.status, self._terminal).left(came.user)
            yield from self._text(self._advice())

    def _advice(self) -> str:
        came = self._came
        if came.code is Code.CANCELLED:
            if not came.changed:
                return "Nothing was changed."
            return (
                f"Nothing was rolled back: what is done stays {came.goal}, and so is what is new."
                f" To finish: {self._repeat}"
            )
        if came.code is Code.ACCESS_DENIED and (not came.changed or not came.own):
            return self._refusal()
        advice = _ADVICE.get(came.code, "see: cscd logs")
        if came.status and came.user is None and came.code in _BY_ITSELF and came.own:
            advice = (
                "you are not logged on: the service tries again at your next logon; cscd logs names files"
            )
        return f"{advice[0].upper()}{advice[1:]}."

    def _refusal(self) -> str:
        """Say who refused, and who would not."""
        came = self._came
        policy = came.status.policy if came.status else "user-controlled"
        if policy not in ("user-controlled", came.goal.value):
            return f"Nothing was changed: the policy is {policy} (encryption.policy in the configuration)."
        if Flag.INTERACTIVE in came.flags:
            console = "" if Flag.CONSOLE in came.flags else "; on a terminal, --console does"
            return (
                "Nothing was changed: this takes an administrator's password, and it was wrong, or not given,"
                f" or nothing was there to ask for it{console}."
            )
        return (
            "Nothing was changed: this takes an administrator. Repeat it with --interactive on a desktop,"
            " with --console on a terminal, or as root."
        )

    def _text(self, text: str, *styles: str) -> Iterator[str]:
        for line in wrapped(text, self._terminal.columns()):
            yield self._terminal.styled(line, *styles)


def _converted(done: LastPass) -> str:
    volume = f", {quantities.size(done.converted_bytes)}" if done.converted_bytes else ""
    before = f"; {done.right:,} {'was' if done.right == 1 else 'were'} before" if done.right else ""
    took = quantities.seconds(done.seconds)
    return f"{quantities.items(done.converted)} {done.goal}{volume}, in {took}{before}."


class CallReport(BaseModel):
    """What came of the call for one user."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    user: str
    """Whose items."""
    uid: int
    """The same as a number."""
    code: int
    """What the service returned: a system error code of Windows."""
    result: str
    """Its name, such as "ERROR_SUCCESS"."""
    meaning: str
    """The same as a sentence; may change."""
    seconds: float
    """How long the call took."""
    status: UserStatus | None
    """What the service says of the user afterwards, as in ``cscd status --json``; null where that cannot be
    seen."""

    @classmethod
    def of(cls, came: Came) -> "CallReport":
        """Make one."""
        return cls(
            user=came.name,
            uid=came.uid,
            code=came.code.value,
            result=came.code.label,
            meaning=came.code.meaning,
            seconds=came.seconds,
            status=came.user,
        )


class EncryptReport(BaseModel):
    """What ``cscd encrypt --json`` and ``cscd unencrypt --json`` print."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    format: Literal[1] = 1
    """The version of this object."""
    command: Literal["encrypt", "unencrypt"]
    """What it is the report of."""
    exit_code: int
    """What the command exits with."""
    outcome: str
    """The name of the exit code, in lower case."""
    waited: bool = True
    """Whether the calls have come to their end; false with --no-wait, where the service goes on."""
    calls: tuple[CallReport, ...] = ()
    """One for each user."""
