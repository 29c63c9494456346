"""The exit codes: one meaning each, and one answer where several apply."""

import pytest

from cscd.cli.exitcodes import SEVERITY, ExitCode, gravest


def test_no_number_changes_its_meaning() -> None:
    """Scripts rely on these."""
    assert {code.name: code.value for code in ExitCode} == {
        "OK": 0,
        "INTERNAL": 1,
        "USAGE": 2,
        "PARTIAL": 3,
        "CANCELLED": 4,
        "PERMISSION": 5,
        "DAMAGED": 6,
        "BUSY": 7,
        "KEY": 8,
        "TARGET": 9,
        "NOT_ENCRYPTED": 10,
        "OUTPUT": 11,
        "SYSTEM": 12,
        "CONFIGURATION": 13,
        "SERVICE": 14,
        "LOCKED": 15,
    }


def test_every_code_has_a_meaning_and_a_rank() -> None:
    """None is forgotten in either table."""
    assert all(code.meaning for code in ExitCode)
    assert sorted(SEVERITY) == sorted(ExitCode)


@pytest.mark.parametrize(
    "codes, answer",
    [
        ([], ExitCode.OK),
        ([ExitCode.OK, ExitCode.PARTIAL], ExitCode.PARTIAL),
        ([ExitCode.PARTIAL, ExitCode.DAMAGED, ExitCode.PERMISSION], ExitCode.DAMAGED),
        ([ExitCode.DAMAGED, ExitCode.CANCELLED], ExitCode.CANCELLED),
    ],
)
def test_the_gravest_is_given(codes: list[ExitCode], answer: ExitCode) -> None:
    """What needs somebody's attention comes before what a repetition mends."""
    assert gravest(codes) is answer
