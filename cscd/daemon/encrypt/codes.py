"""What Encrypt answers: system error codes of Windows (winerror.h), each with one meaning here.

The method "returns either a WMI return code or a system error code" (`docs/encrypt-method.md`); these are all
that cscd returns. A code says what became of the call as a whole: where items were left alone for several
reasons, it is that of the reason which most needs somebody to do something.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from cscd.files.outcome import Lasting, Reason
from cscd.numbered import Numbered


class Code(Numbered):
    """A system error code."""

    SUCCESS = 0, "every item of the caller is in the state asked for"
    ACCESS_DENIED = 5, "not allowed by the policy, by polkit, or by the permissions of items"
    WRITE_PROTECT = 19, "items are immutable, or on a read-only filesystem"
    NOT_READY = 21, "the caller has no cache here: not served by the configuration, or no root to work on"
    SHARING_VIOLATION = 32, "items are in use by other programs"
    NOT_SUPPORTED = 50, "items cannot be converted without a risk where they are, or have several names"
    INVALID_PARAMETER = 87, "undefined flags, or a user whom nobody knows; nothing was changed"
    DISK_FULL = 112, "no room for a second copy of items, or for the record of the state"
    BUSY = 170, "another program, such as `cscd recheck`, is at work on the caller's items"
    IO_DEVICE = 1117, "reading or writing failed"
    CANCELLED = 1223, "cancelled, or superseded by a call for the opposite; nothing was rolled back"
    REQUEST_ABORTED = 1235, "the service stopped, or the caller's worker died"
    NOT_AUTHENTICATED = 1244, "items wait for the caller's key, which is locked; once unlocked, they are done"
    NO_SYSTEM_RESOURCES = 1450, "memory, processes or file descriptors ran short"
    DECRYPTION_FAILED = 6001, "items are damaged, or no key opens them"

    @property
    def label(self) -> str:
        """The name as Windows has it: ``ERROR_ACCESS_DENIED``."""
        return f"ERROR_{self.name}"


OF_REASON: Final[Mapping[Reason, Code]] = MappingProxyType(
    {
        Reason.DAMAGED: Code.DECRYPTION_FAILED,
        Reason.KEY_LOCKED: Code.NOT_AUTHENTICATED,
        Reason.NO_IDENTITY: Code.DECRYPTION_FAILED,
        Reason.IO_ERROR: Code.IO_DEVICE,
        Reason.NO_SPACE: Code.DISK_FULL,
        Reason.NO_RESOURCES: Code.NO_SYSTEM_RESOURCES,
        Reason.NO_PERMISSION: Code.ACCESS_DENIED,
        Reason.NOT_OWN: Code.ACCESS_DENIED,
        Reason.IMMUTABLE: Code.WRITE_PROTECT,
        Reason.READ_ONLY: Code.WRITE_PROTECT,
        Reason.HARD_LINKED: Code.NOT_SUPPORTED,
        Reason.OTHER_FILESYSTEM: Code.NOT_SUPPORTED,
        Reason.NO_LEASES: Code.NOT_SUPPORTED,
        Reason.NO_EXCHANGE: Code.NOT_SUPPORTED,
        Reason.METADATA: Code.NOT_SUPPORTED,
        Reason.TARGET_EXISTS: Code.NOT_SUPPORTED,  # of `cscd recover`; no pass leaves an item for it
        Reason.KEPT_BOTH: Code.SHARING_VIOLATION,
        Reason.OPEN_ELSEWHERE: Code.SHARING_VIOLATION,
        Reason.OPENED_MEANWHILE: Code.SHARING_VIOLATION,
        Reason.CHANGED_MEANWHILE: Code.SHARING_VIOLATION,
    }
)
"""For each reason that leaves the cache partial its code, the gravest first."""

OF_ERROR: Final[Mapping[str, Code]] = MappingProxyType(
    {
        "busy": Code.BUSY,
        "target": Code.NOT_READY,
        "key": Code.DECRYPTION_FAILED,
        "system": Code.IO_DEVICE,
        "died": Code.REQUEST_ABORTED,
    }
)
"""For each error of a pass (`cscd.worker.messages.PassEnded`) its code."""


def code_of(reasons: Iterable[str], error: str = "") -> Code:
    """Return the code for a pass that came to its end.

    Args:
        reasons: why items were left alone, by name; those that leave nothing to convert do not count.
        error: why the pass could not be done, or not in a whole root; "" if it could.
    """
    if error:
        return OF_ERROR.get(error, Code.IO_DEVICE)
    left = set(reasons)
    known = (code for reason, code in OF_REASON.items() if reason.value in left)
    fine = {reason.value for reason in Reason if reason.lasting is Lasting.FINE}
    return next(known, Code.IO_DEVICE if left - fine else Code.SUCCESS)
