"""What a failed system call means for an item."""

import errno
import os

import pytest

from cscd.files.failure import consequence
from cscd.files.outcome import Gone, LeftAlone, Reason


@pytest.mark.parametrize("number", sorted(errno.errorcode))
def test_every_errno_means_something(number: int) -> None:
    """Any error leaves the item alone with its errno, or says that the item is gone."""
    meaning = consequence(OSError(number, os.strerror(number)))
    if number in (errno.ENOENT, errno.ENOTDIR, errno.ESTALE):
        assert isinstance(meaning, Gone)
    else:
        assert isinstance(meaning, LeftAlone)
        assert meaning.errno == number


@pytest.mark.parametrize(
    "number, reason",
    [
        (errno.ENOSPC, Reason.NO_SPACE),
        (errno.EDQUOT, Reason.NO_SPACE),
        (errno.EROFS, Reason.READ_ONLY),
        (errno.EACCES, Reason.NO_PERMISSION),
        (errno.EMFILE, Reason.NO_RESOURCES),
        (errno.ELOOP, Reason.NOT_REGULAR),
        (errno.EIO, Reason.IO_ERROR),
        (errno.EBADF, Reason.IO_ERROR),
    ],
)
def test_some_have_a_reason_of_their_own(number: int, reason: Reason) -> None:
    """What a user can do something about is told apart; the rest is a failure to read or write."""
    meaning = consequence(OSError(number, os.strerror(number)))
    assert isinstance(meaning, LeftAlone)
    assert meaning.reason is reason


def test_an_error_without_number_is_one_of_input_or_output() -> None:
    """An OSError made by hand has no errno."""
    meaning = consequence(OSError("made by hand"))
    assert isinstance(meaning, LeftAlone)
    assert (meaning.reason, meaning.errno) == (Reason.IO_ERROR, errno.EIO)
