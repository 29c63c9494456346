"""Every error that cscd raises on purpose, grouped by what its catcher has to do.

::

    CscdError
    ├── AgeError             this age file cannot be used; it is never replaced, never deleted
    │   ├── HeaderError      the header is malformed, or asks for more work than we grant
    │   │   ├── HeaderTruncated   the header does not end within the bytes given
    │   │   └── ArmorError   the ASCII armor around the file is not strict
    │   ├── MacError         the header does not belong to the file key it wraps
    │   ├── NoMatchError     well formed, but none of the identities fits
    │   │   └── PassphraseError   it takes a passphrase, and none was given or not the right one
    │   └── PayloadError     truncated, extended, reordered or altered content
    ├── KeyFormatError       a recipient, an identity or a file of them is not one
    ├── KeyFileError         a key file is missing, cannot be read or written, or must not be used
    ├── KeyChangeError       a change of keys that would lose one, or that does not fit; nothing was changed
    ├── DatabaseError        what has to be kept could not be written; what was kept before still holds
    ├── BusyError            another pass is at work on the same tree, or another service on the same state
    ├── WorkersDiedError     the processes that do the work of a pass were all killed
    ├── TargetError          a file or directory given cannot be worked on at all
    ├── NotEncryptedError    a file that was to be decrypted is no age file
    ├── ConfigError          the configuration is wrong; what was in force stays in force
    ├── AccountError         name or home make no path, or the ids no user; that user has no cache
    ├── ConfinementError     this process is not what it was to be made, a user's for good; it must end
    ├── ServiceError         the service was asked, and did not answer as it should
    │   ├── NotRunningError  there is no service to ask, or it is silent
    │   ├── ServiceRefusedError   it said no
    │   └── SecretsWantedError    it wants a passphrase first, and nobody was asked for it yet
    ├── BusError             the message bus cannot be reached, refused us, or went away
    ├── MessageError         what another process of ours sent is no message, or too long; it is not trusted
    ├── OutputError          what was to be printed could not be written
    └── CancelledError       somebody asked us to stop; nothing is rolled back

What happens to a single item is not an error but an outcome: see `cscd.files.outcome`.
"""

from collections.abc import Iterable
from typing import Literal

KeyFault = Literal[
    "wrong_owner",
    "readable_by_others",
    "not_regular",
    "damaged",
    "swapped",
    "missing",
    "no_machine_key",
    "wrong_passphrase",
    "ambiguous",
    "unreadable",
    "unwritable",
]
"""Why a key file cannot be used; the log has the same words."""

KeyRefusal = Literal["last_protector", "does_not_fit", "no_key", "is_current"]
"""Why keys are not changed as asked; the control socket has the same words."""


class CscdError(Exception):
    """Base of all: the message is one sentence for a person, without a traceback."""


class AgeError(CscdError):
    """This age file cannot be used."""


class HeaderError(AgeError):
    """The header violates the age specification, or asks for unbounded work."""


class HeaderTruncated(HeaderError):  # noqa: N818 - names the one recoverable case: feed more bytes
    """The bytes given end before the header does."""


class ArmorError(HeaderError):
    """The ASCII armor around the age file is not the one way to write it."""


class MacError(AgeError):
    """The header's MAC does not match the file key unwrapped from it."""


class NoMatchError(AgeError):
    """None of the identities given opens this file."""


class PassphraseError(NoMatchError):
    """The file takes a passphrase, and none was given or not the right one."""


class PayloadError(AgeError):
    """The payload is truncated, extended, reordered or altered."""


class KeyFormatError(CscdError):
    """A string or file that should hold an age recipient or identity does not."""


class KeyFileError(CscdError):
    """A key file, or the state directory, cannot be used.

    It is missing, cannot be read, made or written, or must not be used: its owner, mode or type is wrong.
    """

    def __init__(
        self, message: str, reason: KeyFault = "unreadable", *, path: str = "", errno: int | None = None
    ) -> None:
        """Take the sentence, the same in a word, the file, and the error's number if it was a system call."""
        super().__init__(message)
        self.reason: KeyFault = reason
        self.path = path
        self.errno = errno or 0


class KeyChangeError(CscdError):
    """Keys are not changed as asked, because one would be lost, or because it does not fit.

    Nothing was changed.
    """

    def __init__(self, message: str, reason: KeyRefusal) -> None:
        """Take the sentence, and the same in a word."""
        super().__init__(message)
        self.reason: KeyRefusal = reason


class DatabaseError(CscdError):
    """What has to be kept could not be written, and nothing has changed."""

    def __init__(self, message: str, errno: int) -> None:
        """Take the sentence, and the number of the error as in errno(3)."""
        super().__init__(message, errno)
        self.message = message
        self.errno = errno

    def __str__(self) -> str:
        return self.message


class BusyError(CscdError):
    """Another pass is at work on the same tree, or another service on the same state directory."""


class WorkersDiedError(CscdError):
    """The processes that do the work of a pass were all killed; what they had done is whole."""


class TargetError(CscdError):
    """A directory given to a pass or a demonstration, or a file to be looked at, cannot be worked on."""


class NotEncryptedError(CscdError):
    """A file that was to be decrypted is no age file."""


class ConfigError(CscdError):
    """The configuration is wrong; the message has one line for each problem."""

    def __init__(self, problems: Iterable[str]) -> None:
        """Take the problems, each as ``file:line:column: key: what was expected``, in reading order."""
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class AccountError(CscdError):
    """A user cannot have a cache, as the user database has it: name or home make no path, or ids no user."""


class ConfinementError(CscdError):
    """This process could not be made a user's for good, or turned out not to be one; it must end at once."""


class BusError(CscdError):
    """The message bus cannot be reached, refused us, or went away."""


class MessageError(CscdError):
    """What a worker, the daemon or a caller sent is no message; it says what is wrong, and quotes nothing."""


class ServiceError(CscdError):
    """The service was asked, and did not answer as it should."""


class NotRunningError(ServiceError):
    """There is no service to ask, or it does not answer."""


class ServiceRefusedError(ServiceError):
    """The service said no."""

    def __init__(self, reason: str, message: str) -> None:
        """Take the reason as a word, and a sentence."""
        super().__init__(message)
        self.reason = reason


class SecretsWantedError(ServiceError):
    """The service answers once it is given secrets that are not in hand."""

    def __init__(self, names: Iterable[str]) -> None:
        """Take what they are called."""
        self.names = tuple(names)
        super().__init__(f"the service wants to be given: {', '.join(self.names)}")


class OutputError(CscdError):
    """What was to be printed could not be written; the cause says why."""


class CancelledError(CscdError):
    """The caller asked to stop. What is done stays done."""
