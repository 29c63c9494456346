"""What Encrypt answers."""

import pytest

from cscd.daemon.encrypt.codes import OF_REASON, Code, code_of
from cscd.files.outcome import Lasting, Reason


def test_nothing_left_is_success() -> None:
    """Also where files were left that hold nothing to convert."""
    assert code_of(()) is Code.SUCCESS
    assert code_of(["empty", "excluded", "not_regular"]) is Code.SUCCESS


@pytest.mark.parametrize("reason", [each for each in Reason if each.lasting is not Lasting.FINE])
def test_every_reason_that_leaves_the_cache_partial_has_a_code(reason: Reason) -> None:
    """And none of them is success."""
    assert code_of([reason.value]) is OF_REASON[reason]
    assert OF_REASON[reason] is not Code.SUCCESS


def test_of_several_reasons_the_gravest_is_told() -> None:
    """What somebody has to mend comes before what a repetition does."""
    assert code_of(["open_elsewhere", "hard_linked", "damaged"]) is Code.DECRYPTION_FAILED
    assert code_of(["open_elsewhere", "hard_linked"]) is Code.NOT_SUPPORTED


def test_a_reason_that_is_not_known_here_is_no_success() -> None:
    """As of a worker that is newer than this."""
    assert code_of(["something_new"]) is Code.IO_DEVICE


@pytest.mark.parametrize(
    "error, code", [("busy", Code.BUSY), ("died", Code.REQUEST_ABORTED), ("target", Code.NOT_READY)]
)
def test_a_pass_that_could_not_be_done_says_why(error: str, code: Code) -> None:
    """Whatever items it left alone."""
    assert code_of(["open_elsewhere"], error) is code


def test_the_numbers_are_those_of_windows() -> None:
    """winerror.h has them; programs compare them."""
    assert {code.label: code.value for code in Code} == {
        "ERROR_SUCCESS": 0,
        "ERROR_ACCESS_DENIED": 5,
        "ERROR_WRITE_PROTECT": 19,
        "ERROR_NOT_READY": 21,
        "ERROR_SHARING_VIOLATION": 32,
        "ERROR_NOT_SUPPORTED": 50,
        "ERROR_INVALID_PARAMETER": 87,
        "ERROR_DISK_FULL": 112,
        "ERROR_BUSY": 170,
        "ERROR_IO_DEVICE": 1117,
        "ERROR_CANCELLED": 1223,
        "ERROR_REQUEST_ABORTED": 1235,
        "ERROR_NOT_AUTHENTICATED": 1244,
        "ERROR_NO_SYSTEM_RESOURCES": 1450,
        "ERROR_DECRYPTION_FAILED": 6001,
    }
