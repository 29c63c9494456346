"""What came of the pass over one directory, for the summary, the report and the exit code alike."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from cscd.cli.exitcodes import ExitCode, gravest
from cscd.cli.failure import explain
from cscd.errors import CscdError
from cscd.files.goal import State
from cscd.files.outcome import Lasting, Reason
from cscd.worker.passes.tally import Tally


@dataclass(slots=True)
class Finished:
    """The end of one pass, or why there was none."""

    path: str
    """The directory, absolute."""
    tally: Tally = field(default_factory=Tally)
    seconds: float = 0.0
    begun: bool = False
    """Whether there was a pass at all."""
    stopped: bool = False
    """Whether somebody asked to stop before its end."""
    error: CscdError | OSError | None = None
    """Why it ended early by itself."""
    plain: int = 0
    """Of the copies made of items, those of items that were not encrypted."""
    lessened: int = 0
    """Of those copies, how many lack the owner, the ACL or some attribute."""

    @property
    def partial(self) -> bool:
        """Whether some item is not in the asked state, or is not known to be."""
        return self.tally.partial or not self.begun or self.error is not None

    @property
    def wanting(self) -> int:
        """How many items are known not to be in the asked state."""
        left = sum(self.tally.left[reason] for reason in _wanting(self.tally))
        return left + self.tally.untouched

    def codes(self, *, looking: bool) -> Iterator[ExitCode]:
        """Yield everything that this pass could end the command with."""
        if self.error:
            yield explain(self.error).code
        if self.stopped and self.partial:
            yield ExitCode.CANCELLED
        if self.partial or (looking and self.tally.converted):
            yield ExitCode.PARTIAL
        yield from (_CODES.get(reason, ExitCode.PARTIAL) for reason in _wanting(self.tally))


@dataclass(frozen=True, slots=True)
class Whole:
    """All passes of one command."""

    state: State
    looking: bool
    """Whether it was a dry run."""
    trees: tuple[Finished, ...]
    done: str = ""
    """What was done to items, in a word; "" if they were brought into the state."""

    @property
    def word(self) -> str:
        """What items are that are as asked."""
        return self.done or self.state.value

    @property
    def code(self) -> ExitCode:
        """The exit code of the command."""
        return gravest(code for tree in self.trees for code in tree.codes(looking=self.looking))

    @property
    def partial(self) -> bool:
        """Whether some item of some tree is not in the asked state, or is not known to be."""
        return any(tree.partial for tree in self.trees)

    @property
    def stopped(self) -> bool:
        """Whether somebody asked to stop and something was left because of it."""
        return any(tree.stopped and tree.partial for tree in self.trees)


_CODES = {
    Reason.DAMAGED: ExitCode.DAMAGED,
    Reason.KEY_LOCKED: ExitCode.LOCKED,
    Reason.NO_IDENTITY: ExitCode.KEY,
    Reason.NO_PERMISSION: ExitCode.PERMISSION,
}
"""Reasons that have an exit code of their own."""


def _wanting(tally: Tally) -> Iterator[Reason]:
    return (reason for reason, count in tally.left.items() if count and reason.lasting is not Lasting.FINE)
