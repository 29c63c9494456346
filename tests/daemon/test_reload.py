"""What is different between two configurations."""

from cscd.config import Settings
from cscd.config.outline import outline
from cscd.config.settings import EnforcementSettings, KeySettings, SessionSettings
from cscd.daemon import reload


def test_every_key_that_differs_is_named() -> None:
    """Also those in sections within sections, and no section itself."""
    after = Settings(enforcement=EnforcementSettings(logoff_pass=False), sessions=SessionSettings(min_uid=0))
    assert reload.differing(Settings(), after) == ("sessions.min_uid", "enforcement.logoff_pass")
    assert reload.differing(after, after) == ()


def test_those_that_only_a_restart_puts_in_force_are_told_apart() -> None:
    """They are real keys."""
    after = Settings(
        keys=KeySettings(machine_key_file="/x/y"), enforcement=EnforcementSettings(logoff_pass=False)
    )
    assert reload.needing_restart(reload.differing(Settings(), after)) == ("keys.machine_key_file",)
    assert {key.name for key in outline()} >= set(reload._RESTART)  # noqa: SLF001 - no other way to see all
