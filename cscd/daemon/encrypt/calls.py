"""What the bus and the core of the service say to each other: who calls, what is asked, how progress is told.

The bus knows callers and messages, the core knows items and state. Each is written against what is here, and
so is a test of either.
"""

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Protocol

from cscd.daemon.encrypt.codes import Code
from cscd.files.goal import State


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, by what the bus says; nothing of it is the caller's to choose."""

    uid: int
    name: str
    """Of the account; the uid in digits where the user database has none."""
    bus_name: str = ""
    """The unique name of the connection, such as ``:1.42``; it is never given to anybody else."""
    pid: int = 0
    """For the log alone: a process that has ended leaves its number to another one. 0 if it is not known."""


class Answer(IntEnum):
    """What a sink wants done next; the numbers of the reference's OFFLINEFILES_OP_RESPONSE."""

    CONTINUE = 0
    RETRY = 1
    """The same item once more; as good as CONTINUE in an answer to ItemBegin, when nothing was tried yet."""
    ABORT = 2
    """No further item: the call ends cancelled."""


class Decision(StrEnum):
    """What came of asking whether a caller may; the refusals are words of the event `encrypt_refused`."""

    ALLOWED = "allowed"
    DENIED = "not_authorized"
    """Also when no answer came, or there is nobody to ask."""
    DISMISSED = "dialog_dismissed"
    """The user closed the dialog."""
    NO_AGENT = "no_agent"
    """A password is needed, and nothing can ask for it: no dialog was allowed, or there is no agent."""


class Asked(StrEnum):
    """What came of having a person asked for a passphrase; whether the key is unlocked, the keyring knows."""

    ANSWERED = "answered"
    DISMISSED = "dialog_dismissed"
    """The person closed the dialog."""
    NOBODY = "no_agent"
    """There is no agent to ask, or it could not, or did not in time."""


CHANGE_STATE = "org.cscd.offlinefiles1.change-state"
"""The action of polkit for a call that changes the cache-wide state."""
ENCRYPT_USER = "org.cscd.offlinefiles1.encrypt-user"
"""The action of polkit for a call about another user's items."""


class Authority(Protocol):
    """Who knows what a caller may: polkit, or root alone where there is none."""

    async def allows(self, caller: Caller, action: str, *, interactive: bool) -> Decision:
        """Ask; with `interactive` a dialog may be shown, which takes as long as the user does.

        Never raises. Cancelled, it closes the dialog.
        """


class Prompter(Protocol):
    """Who has a person asked for the passphrase of a key: the agents on the bus."""

    async def unlock(self, caller: Caller, *, console: bool) -> Asked:
        """Have an agent of the caller's user ask; with `console` only one on the caller's own connection.

        Never raises. Takes as long as the person does, within minutes. Cancelled, it closes the dialog.
        """


class ItemSink(Protocol):
    """Where progress goes: an object of the caller's. No method raises, whatever the sink does.

    Paths are strings as `os.fsdecode` gives them. Those that wait (`begin` to `end`) are for the synchronous
    mode, one at a time. Those that tell never wait, and what they tell arrives in order.
    """

    async def begin(self) -> bool:
        """Say that it begins; False: it shall not, and ends cancelled."""

    async def item_begin(self, path: str) -> Answer:
        """Say which item comes next. What is not `ABORT` is as good as `CONTINUE`."""

    async def item_result(self, path: str, code: Code) -> Answer:
        """Say what came of an item: `Code.SUCCESS`, or why it was left alone."""

    async def query_abort(self) -> bool:
        """Ask whether to stop, where there is no item to ask about; True: it shall."""

    async def end(self, code: Code) -> None:
        """Say what the call will return. The last that a sink hears, in either mode, also after an abort."""

    def tell_begin(self) -> None:
        """Say that it begins."""

    def tell_item_begin(self, path: str) -> None:
        """Say which item comes next."""

    def tell_item_result(self, path: str, code: Code) -> None:
        """Say what came of an item."""

    def tell_end(self, code: Code) -> None:
        """Say what the call will return."""


@dataclass(frozen=True, slots=True)
class Facts:
    """The properties of the cache."""

    active: bool
    """Whether passes are made and calls are carried out: from the service's readiness until it stops."""
    enabled: bool
    """Whether there is a cache to take care of: it has roots, and the service is not being stopped."""
    location: str
    """The first root, as the configuration has it."""


class Encryption(Protocol):
    """What the bus calls: the core of the service, or a test. Nothing raises for what a caller can cause."""

    async def encrypt(
        self,
        caller: Caller,
        goal: State,
        bits: int,
        sink: ItemSink | None = None,
        for_uid: int | None = None,
    ) -> Code:
        """Bring the caller's items, or with `for_uid` another user's, into a state.

        Checks everything: flags, policy, authority. Whoever runs it cancels the task when the caller has
        left; that cancels the operation, unless somebody else waits for it, too.
        """

    def cancel(self, caller: Caller) -> Code:
        """Cancel what is under way for the caller's uid: SUCCESS, or CANCELLED where nothing is."""

    def status(self) -> tuple[bool, bool]:
        """Return whether the cache is encrypted, and whether that is partial."""

    async def report(self, caller: Caller) -> str:
        """Return the JSON of ``cscd status --json``, as much of it as the caller may see."""

    def facts(self) -> Facts:
        """Return the properties as they are now; the core calls `Bus.facts_changed` when they change."""
