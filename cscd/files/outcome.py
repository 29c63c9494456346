"""What became of an item: a closed list of outcomes, and of reasons for leaving one alone."""

from enum import Enum, StrEnum
from typing import NamedTuple, Self


class Outcome(StrEnum):
    """How a pass left an item."""

    ENCRYPTED = "encrypted"
    UNENCRYPTED = "unencrypted"
    REKEYED = "rekeyed"
    """It was encrypted for other recipients, and has a new header for those asked for."""
    RIGHT = "right"
    """It was in the asked state before."""
    LEFT = "left"
    """Untouched, for the reason given."""
    GONE = "gone"
    """It was renamed or deleted before we came to it; there is nothing to report."""
    CLEANED = "cleaned"
    """It was a leftover of a killed pass, and has been dealt with."""


class Lasting(Enum):
    """Whether leaving an item alone leaves the cache partial, and whether trying again can help."""

    FINE = "nothing to convert, the cache is whole without it"
    BRIEF = "partial, and worth trying again soon"
    LOCKED = "partial, and worth trying again as soon as the key is unlocked"
    STAYS = "partial, until somebody does something about it"


class Reason(StrEnum):
    """Why an item was left alone. The value is the stable name for programs."""

    lasting: Lasting
    meaning: str

    def __new__(cls, value: str, lasting: Lasting, meaning: str) -> Self:
        """Attach the two facts that reports need to the name."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.lasting = lasting
        member.meaning = meaning
        return member

    EMPTY = "empty", Lasting.FINE, "empty: holds nothing to protect"
    EXCLUDED = "excluded", Lasting.FINE, "excluded by the patterns, or needed by cscd itself"
    NOT_REGULAR = "not_regular", Lasting.FINE, "not a regular file"
    OPEN_ELSEWHERE = "open_elsewhere", Lasting.BRIEF, "open in another program"
    OPENED_MEANWHILE = "opened_meanwhile", Lasting.BRIEF, "opened by another program meanwhile"
    CHANGED_MEANWHILE = "changed_meanwhile", Lasting.BRIEF, "changed while it was being converted"
    NO_SPACE = "no_space", Lasting.BRIEF, "no room on the filesystem, or over quota, for a second copy"
    NO_RESOURCES = "no_resources", Lasting.BRIEF, "the system is short of memory or file descriptors"
    HARD_LINKED = "hard_linked", Lasting.STAYS, "has more than one name (hard links)"
    NOT_OWN = "not_own", Lasting.STAYS, "belongs to another user"
    IMMUTABLE = "immutable", Lasting.STAYS, "immutable or append-only (see lsattr)"
    READ_ONLY = "read_only", Lasting.STAYS, "on a read-only filesystem"
    OTHER_FILESYSTEM = "other_filesystem", Lasting.STAYS, "on another filesystem than the directory given"
    NO_LEASES = "no_leases", Lasting.STAYS, "the filesystem cannot tell who has it open (no leases)"
    NO_EXCHANGE = "no_exchange", Lasting.STAYS, "the filesystem cannot swap two names at once"
    METADATA = "metadata", Lasting.STAYS, "its group, ACL or attributes cannot be kept"
    NO_PERMISSION = "no_permission", Lasting.STAYS, "permission denied"
    KEY_LOCKED = "key_locked", Lasting.LOCKED, "the key that opens it is locked"
    NO_IDENTITY = "no_identity", Lasting.STAYS, "no identity given opens it"
    DAMAGED = "damaged", Lasting.STAYS, "encrypted content fails its check; left exactly as it is"
    IO_ERROR = "io_error", Lasting.STAYS, "reading or writing failed"
    NOT_ENCRYPTED = "not_encrypted", Lasting.FINE, "not encrypted: there is nothing to recover"
    TARGET_EXISTS = "target_exists", Lasting.STAYS, "there is something of that name where it was to go"
    KEPT_BOTH = "kept_both", Lasting.STAYS, "two programs wrote at once; both versions are kept"


class Holder(NamedTuple):
    """A process that has an item open."""

    pid: int
    command: str


class Seen(NamedTuple):
    """What identifies one version of an item's content and metadata: the index's unit of memory."""

    inode: int
    ctime_ns: int
    size: int


class Result(NamedTuple):
    """What became of one item. A tuple, because a pass sends millions of them through a pipe."""

    outcome: Outcome
    reason: Reason | None = None
    errno: int = 0
    """Of the system call that failed, 0 if none did."""
    size: int = 0
    """Bytes of the version that was found; 0 where it was not opened."""
    seen: Seen | None = None
    """The version now known to be right, if it is and will not be mistaken for a later one."""
    holders: tuple[Holder, ...] = ()
    detail: str = ""
    """A sentence for people where reason and errno do not tell it all.

    Of a leftover: the name of the item that was given its old version back and is to be looked at again.
    """
    other_key: bool = False
    """It is right, and encrypted for other recipients than those asked for."""
    key_id: str = ""
    """Names the key that it is encrypted to now; "" where it is not encrypted, or was not looked into."""

    @property
    def converted(self) -> bool:
        """Whether the item was written anew: into the other state, or for other recipients."""
        return self.outcome in (Outcome.ENCRYPTED, Outcome.UNENCRYPTED, Outcome.REKEYED)


class LeftAlone(Exception):  # noqa: N818 - not an error: the way out of a conversion that must not go on
    """Raised inside a conversion to leave the item as it is."""

    def __init__(self, reason: Reason, errno: int = 0, detail: str = "") -> None:
        """Keep the reason, the errno of the failed call (0 if none) and a sentence."""
        super().__init__(reason.meaning)
        self.reason = reason
        self.errno = errno
        self.detail = detail


class Gone(Exception):  # noqa: N818 - not an error: the user renamed or deleted the item
    """Raised inside a conversion when the item is no longer there."""
