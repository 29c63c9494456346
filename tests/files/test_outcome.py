"""The closed list of reasons: a pass, or a conversion, reaches every one of them."""

import os
import resource
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from cscd import age
from cscd.files.goal import Goal
from cscd.files.outcome import Lasting, Reason
from cscd.files.restore import Manner
from cscd.files.tree import Tree
from cscd.worker.passes.recovery import Recovery, Source
from cscd.worker.passes.selection import Selection
from tests.files.stepping import Stepper
from tests.support import denial, forks, mounts, openers, passes, requires, users
from tests.support.passes import ENCRYPTED, UNENCRYPTED, Plan

CONTENT = b"content of an item"


@dataclass(slots=True)
class Stage:
    """A directory with one item, what undoes the scenery, and the means to convert it."""

    tree: Path
    state: Path
    stack: ExitStack

    @property
    def item(self) -> Path:
        """The item's path."""
        return self.tree / "item"

    def make_pass(
        self,
        to: Goal,
        *,
        first: Callable[[], None] = lambda: None,
        user: users.User | None = None,
        selection: Selection | None = None,
    ) -> Reason:
        """Make a pass and return why it left the one thing alone."""
        plan = Plan(self.tree, to, self.state, first=first, user=user, selection=selection or Selection())
        (left,) = plan.run().left
        return left

    def encrypt(self, first: Callable[[], None] = lambda: None) -> Reason:
        """Make a pass that should encrypt."""
        return self.make_pass(passes.goal(ENCRYPTED), first=first)

    def encrypted(self) -> "Stage":
        """Have the item encrypted to begin with."""
        assert Plan(self.tree, passes.goal(ENCRYPTED), self.state).run().converted == 1
        return self

    def step(self, until: str, meanwhile: Callable[[Stepper], object]) -> Reason | None:
        """Convert the item step by step, and have something happen in between."""

        def convert() -> Reason | None:
            with Stepper(self.item, passes.goal(ENCRYPTED)) as stepper:
                meanwhile(stepper.until(until))
                return stepper.rest()

        return forks.call(convert, first=lambda: None)


Scene = Callable[[Stage], Reason | None]
SCENES: dict[Reason, Scene] = {}


def scene(reason: Reason) -> Callable[[Scene], Scene]:
    """Enter the decorated scene as the one that leads to a reason."""

    def enter(played: Scene) -> Scene:
        SCENES[reason] = played
        return played

    return enter


@scene(Reason.EMPTY)
def empty(stage: Stage) -> Reason | None:
    """Nothing is in it."""
    os.truncate(stage.item, 0)
    return stage.encrypt()


@scene(Reason.EXCLUDED)
def excluded(stage: Stage) -> Reason | None:
    """A pattern matches it."""
    return stage.make_pass(passes.goal(ENCRYPTED), selection=Selection(exclude=["it*"]))


@scene(Reason.NOT_REGULAR)
def not_regular(stage: Stage) -> Reason | None:
    """It is a FIFO."""
    stage.item.unlink()
    os.mkfifo(stage.item)
    return stage.encrypt()


@scene(Reason.OPEN_ELSEWHERE)
def open_elsewhere(stage: Stage) -> Reason | None:
    """Another process has it open."""
    stage.stack.enter_context(openers.holding(stage.item))
    return stage.encrypt()


@scene(Reason.OPENED_MEANWHILE)
def opened_meanwhile(stage: Stage) -> Reason | None:
    """Another process opens it after it was copied."""
    return stage.step("copy", lambda _: stage.stack.enter_context(openers.holding(stage.item)))


@scene(Reason.CHANGED_MEANWHILE)
def changed_meanwhile(stage: Stage) -> Reason | None:
    """Its mode is changed after it was copied."""
    return stage.step("copy", lambda _: stage.item.chmod(0o640))


@scene(Reason.NO_SPACE)
def no_space(stage: Stage) -> Reason | None:
    """No file may be larger than 100 bytes (EFBIG)."""
    return stage.encrypt(lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)))


@scene(Reason.NO_RESOURCES)
def no_resources(stage: Stage) -> Reason | None:
    """There are more items than descriptors."""

    def starve() -> None:
        """Leave enough for the pass, and too little for all of its items at once."""
        resource.setrlimit(resource.RLIMIT_NOFILE, (60, 60))

    for number in range(60):
        (stage.tree / f"another{number}").write_bytes(CONTENT)
    return stage.encrypt(starve)


@scene(Reason.HARD_LINKED)
def hard_linked(stage: Stage) -> Reason | None:
    """It has a second name, outside the tree."""
    (stage.tree.parent / "link").hardlink_to(stage.item)
    return stage.encrypt()


@scene(Reason.NOT_OWN)
def not_own(stage: Stage) -> Reason | None:
    """It is another user's."""
    requires.root()
    os.chown(stage.item, users.ALICE.uid, users.ALICE.gid)
    return stage.encrypt()


@scene(Reason.IMMUTABLE)
def immutable(stage: Stage) -> Reason | None:
    """Nobody may change it (chattr)."""
    requires.root()
    requires.command("chattr")
    mounts.run("chattr", "+i", stage.item)
    stage.stack.callback(mounts.run, "chattr", "-i", stage.item)
    return stage.encrypt()


@scene(Reason.READ_ONLY)
def read_only(stage: Stage) -> Reason | None:
    """The mount is read-only."""
    requires.mounting()
    mounts.run("mount", "--bind", "-o", "ro", stage.tree, stage.tree)
    stage.stack.callback(mounts.unmount, stage.tree)
    return stage.encrypt()


@scene(Reason.OTHER_FILESYSTEM)
def other_filesystem(stage: Stage) -> Reason | None:
    """It lies below a mount point."""
    requires.mounting()
    stage.item.unlink()
    stage.stack.enter_context(mounts.tmpfs(stage.tree / "mounted"))
    return stage.encrypt()


@scene(Reason.NO_LEASES)
def no_leases(stage: Stage) -> Reason | None:
    """The kernel grants no lease."""
    return stage.encrypt(denial.deny_leases)


@scene(Reason.NO_EXCHANGE)
def no_exchange(stage: Stage) -> Reason | None:
    """The kernel swaps no names."""
    return stage.encrypt(denial.deny_exchange)


@scene(Reason.METADATA)
def metadata(stage: Stage) -> Reason | None:
    """Its owner is not in its group."""
    requires.root()
    os.chown(stage.tree, users.ALICE.uid, users.ALICE.gid)
    os.chown(stage.item, users.ALICE.uid, users.MALLORY.gid)
    return stage.make_pass(passes.goal(ENCRYPTED), user=users.ALICE)


@scene(Reason.NO_PERMISSION)
def no_permission(stage: Stage) -> Reason | None:
    """Its directory is not its owner's."""
    requires.root()
    os.chown(stage.item, users.ALICE.uid, users.ALICE.gid)
    return stage.make_pass(passes.goal(ENCRYPTED), user=users.ALICE)  # in a directory of root's


@scene(Reason.NO_IDENTITY)
def no_identity(stage: Stage) -> Reason | None:
    """It was encrypted to somebody else."""
    stranger = Goal(UNENCRYPTED, identities=(age.X25519Identity.generate(),))
    return stage.encrypted().make_pass(stranger)


@scene(Reason.KEY_LOCKED)
def key_locked(stage: Stage) -> Reason | None:
    """Nothing is there to open it with."""
    return stage.encrypted().make_pass(Goal(UNENCRYPTED))


@scene(Reason.DAMAGED)
def damaged(stage: Stage) -> Reason | None:
    """Its last byte is missing."""
    stage.encrypted().item.write_bytes(stage.item.read_bytes()[:-1])
    return stage.make_pass(passes.goal(UNENCRYPTED))


@scene(Reason.IO_ERROR)
def io_error(stage: Stage) -> Reason | None:
    """Writing fails."""
    return stage.encrypt(denial.deny_writing)


@scene(Reason.KEPT_BOTH)
def kept_both(stage: Stage) -> Reason | None:
    """The old version changes too late, while the new one is in use."""

    def interfere(stepper: Stepper) -> None:
        """Change the old version, and use the new one."""
        os.utime(stepper.old_version)
        stage.stack.enter_context(openers.holding(stage.item))

    return stage.step("settle", interfere)


def restore(stage: Stage, manner: Manner) -> Reason | None:
    """Copy the item beside the tree, and return why that was left alone."""
    stage.state.mkdir(exist_ok=True)
    with closing(Tree.open(str(stage.tree))) as tree, closing(Tree.open(str(stage.state))) as target:
        recovery = Recovery(Source(tree, "item", ""), target, manner, lambda *_: None)
        (left,) = recovery.run().left
        return left


@scene(Reason.NOT_ENCRYPTED)
def not_encrypted(stage: Stage) -> Reason | None:
    """It was asked to copy encrypted items only."""
    return restore(stage, Manner((), only_encrypted=True))


@scene(Reason.TARGET_EXISTS)
def target_exists(stage: Stage) -> Reason | None:
    """Something else has its name where the copy was to go."""
    (stage.state / "item").mkdir(parents=True)
    return restore(stage, Manner(()))


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_reached_and_leaves_the_item_as_it_was(common_path: Path, reason: Reason) -> None:
    """Each reason of the closed list has a scene here, and the item's content survives it."""
    tree = common_path / "tree"
    tree.mkdir()
    with ExitStack() as stack:
        stage = Stage(tree, common_path / "state", stack)
        stage.item.write_bytes(CONTENT)
        assert SCENES[reason](stage) is reason
        if reason not in (Reason.EMPTY, Reason.NOT_REGULAR, Reason.OTHER_FILESYSTEM, Reason.DAMAGED):
            assert passes.plain(stage.item.read_bytes()) == CONTENT


def test_reasons_are_told_apart_by_what_follows() -> None:
    """A reason is its name for programs, has a sentence for people, and says whether waiting helps."""
    for reason in Reason:
        assert reason == reason.value == reason.name.lower()
        assert reason.meaning
        assert isinstance(reason.lasting, Lasting)
    assert len({reason.meaning for reason in Reason}) == len(Reason)
