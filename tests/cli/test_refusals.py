"""What a refusal of the service means: its exit code, and what to do about it, said once."""

import pytest

from cscd.cli.exitcodes import ExitCode
from cscd.cli.failure import explain
from cscd.errors import ServiceRefusedError


@pytest.mark.parametrize(
    "reason, code",
    [
        ("locked", ExitCode.LOCKED),
        ("wrong_passphrase", ExitCode.KEY),
        ("unusable", ExitCode.KEY),
        ("not_allowed", ExitCode.PERMISSION),
        ("last_protector", ExitCode.SERVICE),
        ("busy", ExitCode.SERVICE),
    ],
)
def test_a_reason_has_its_code(reason: str, code: ExitCode) -> None:
    """What a person can do decides."""
    assert explain(ServiceRefusedError(reason, "no")).code is code


def test_what_to_do_is_said_once() -> None:
    """The service may say it itself."""
    assert explain(ServiceRefusedError("locked", "no")).message == "no; unlock it: cscd keys unlock"
    said = "it is locked; unlock it with `cscd keys unlock`"
    assert explain(ServiceRefusedError("locked", said)).message == said
    assert explain(ServiceRefusedError("busy", "too much to do")).message == "too much to do"
