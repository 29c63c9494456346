"""What came of a command, for programs: the object that ``cscd recheck --json`` prints.

Additions may come at any time. A field keeps its name and meaning as long as `format` keeps its number.
`docs/command-line.md` lists the fields from these docstrings; a test compares.
"""

import errno
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from cscd.cli.failure import explain
from cscd.cli.finished import Finished, Whole
from cscd.files.goal import State
from cscd.files.name import Name
from cscd.files.outcome import Lasting, Reason
from cscd.worker.passes.tally import Left, Tally

Count = Annotated[int, Field(ge=0)]

LastingName = Literal["fine", "brief", "locked", "stays"]

_LASTING: Final[dict[Lasting, LastingName]] = {
    Lasting.FINE: "fine",
    Lasting.BRIEF: "brief",
    Lasting.LOCKED: "locked",
    Lasting.STAYS: "stays",
}


class Model(BaseModel):
    """What all parts have in common."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class HolderReport(Model):
    """A process that has an item open."""

    pid: Count
    """Its process id."""
    command: str
    """Its name, as in /proc/PID/comm."""


class ItemReport(Model):
    """One item that was left alone."""

    path: Name
    """Relative to the directory of the tree."""
    errno: str | None
    """The error of the system call that failed, such as "EIO"; null if none did."""
    detail: str
    """What else is known, a sentence for people; may be empty."""
    holders: tuple[HolderReport, ...]
    """Who has it open, as far as the caller may see; processes of other users stay hidden."""

    @classmethod
    def of(cls, left: Left) -> "ItemReport":
        """Describe an item that a tally names."""
        result = left.result
        return cls(
            path=Name.of(left.path),
            errno=errno.errorcode.get(result.errno),
            detail=_clean(result.detail),
            holders=tuple(
                HolderReport(pid=holder.pid, command=_clean(holder.command)) for holder in result.holders
            ),
        )


class ReasonReport(Model):
    """The items that were left alone for one reason."""

    reason: str
    """Its name; new ones may come."""
    meaning: str
    """The same as a phrase for people; may change."""
    lasting: LastingName
    """Whether it leaves the tree partial: "fine" does not; "brief" does, and trying again soon can help;
    "locked" does until the key is unlocked;
    "stays" does until somebody does something about it."""
    items: Count
    """How many."""
    first: tuple[ItemReport, ...]
    """The first of them, at most 10."""

    @classmethod
    def of(cls, reason: Reason, count: int, tally: Tally) -> "ReasonReport":
        """Describe what a tally has for one reason."""
        return cls(
            reason=reason.value,
            meaning=reason.meaning,
            lasting=_LASTING[reason.lasting],
            items=count,
            first=tuple(map(ItemReport.of, tally.first.get(reason, ()))),
        )


class Volume(Model):
    """A number of items and their content."""

    items: Count
    """How many."""
    bytes: Count
    """Their size together, in bytes as read."""


class TreeReport(Model):
    """What came of the pass over one directory."""

    path: Name
    """The directory, absolute."""
    partial: bool
    """Whether some item is not in the asked state, or is not known to be."""
    begun: bool
    """Whether there was a pass; false when stopped before it, or while another one is at work."""
    stopped: bool
    """Whether a signal stopped the pass."""
    complete: bool
    """Whether the whole tree was listed and every item found was dealt with."""
    walked: bool
    """Whether the whole tree was listed."""
    error: str | None
    """Why the pass ended early by itself; null if it did not."""
    seconds: float
    """How long it took."""
    directories: Count
    """Directories looked through to their end."""
    converted: Volume
    """Items brought into the asked state; with a dry run, those that would be."""
    right: Volume
    """Items that were in the asked state before. Bytes only of those that needed no look inside."""
    other_key: Count
    """Of the items that were right, those encrypted for other recipients than those asked
    for: another key, or other recovery keys."""
    untouched: Count
    """Items found and not done, because the pass was stopped."""
    cleaned: Count
    """Leftovers of a killed pass that were removed; with a dry run, those that would be."""
    gone: Count
    """Items that were renamed or deleted before the pass came to them."""
    left: tuple[ReasonReport, ...]
    """Items left alone, by reason, the most frequent first."""

    @classmethod
    def of(cls, tree: Finished) -> "TreeReport":
        """Describe the end of one pass."""
        tally = tree.tally
        return cls(
            path=Name.of(tree.path),
            partial=tree.partial,
            begun=tree.begun,
            stopped=tree.stopped,
            complete=tally.complete,
            walked=tally.walked,
            error=_clean(explain(tree.error).message) if tree.error else None,
            seconds=round(tree.seconds, 3),
            directories=tally.directories,
            converted=Volume(items=tally.converted, bytes=tally.converted_bytes),
            right=Volume(items=tally.right, bytes=tally.right_bytes),
            other_key=tally.other_key,
            untouched=tally.untouched,
            cleaned=tally.cleaned,
            gone=tally.gone,
            left=tuple(
                ReasonReport.of(reason, count, tally) for reason, count in tally.left.most_common() if count
            ),
        )


class Report(Model):
    """What ``cscd recheck --json`` prints."""

    format: Literal[1]
    """The version of this object."""
    command: Literal["recheck"]
    """What it is the report of."""
    to: State
    """The asked state."""
    dry_run: bool
    """Whether nothing was done, only looked."""
    exit_code: Count
    """What the command exits with."""
    outcome: str
    """The name of the exit code, in lower case."""
    partial: bool
    """Whether some item of some tree is not in the asked state, or is not known to be."""
    trees: tuple[TreeReport, ...]
    """One for each directory given, in that order; one that was given twice is there once."""

    @classmethod
    def of(cls, whole: Whole) -> "Report":
        """Describe the end of a command."""
        return cls(
            format=1,
            command="recheck",
            to=whole.state,
            dry_run=whole.looking,
            exit_code=whole.code.value,
            outcome=whole.code.name.lower(),
            partial=whole.partial,
            trees=tuple(map(TreeReport.of, whole.trees)),
        )


class RecoveredReport(TreeReport):
    """What came of one PATH. `converted` are the items unencrypted in place, or copied."""

    plain: Count = 0
    """Of the copies, those of items that were not encrypted."""
    lessened: Count = 0
    """Of the copies, those without the owner, the ACL or an attribute of their original."""

    @classmethod
    def of_recovery(cls, tree: Finished) -> "RecoveredReport":
        """Describe the end of one."""
        return cls(**dict(TreeReport.of(tree)), plain=tree.plain, lessened=tree.lessened)


class RecoverReport(Model):
    """What ``cscd recover --json`` prints."""

    format: Literal[1]
    """The version of this object."""
    command: Literal["recover"]
    """What it is the report of."""
    into: Name | None
    """Where the copies are; null if the items were unencrypted in place."""
    exit_code: Count
    """What the command exits with."""
    outcome: str
    """The name of the exit code, in lower case."""
    partial: bool
    """Whether some item is not restored, or is not known to be."""
    trees: tuple[RecoveredReport, ...]
    """One for each PATH given, in that order; one that was given twice is there once."""

    @classmethod
    def of_recovery(cls, whole: Whole, into: str | None) -> "RecoverReport":
        """Describe the end of a command; `into` is the directory of the copies."""
        return cls(
            format=1,
            command="recover",
            into=Name.of(into) if into else None,
            exit_code=whole.code.value,
            outcome=whole.code.name.lower(),
            partial=whole.partial,
            trees=tuple(map(RecoveredReport.of_recovery, whole.trees)),
        )


def _clean(text: str) -> str:
    """Return text that is valid in JSON, whatever bytes a name in it has."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
