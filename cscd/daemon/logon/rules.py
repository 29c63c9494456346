"""Whether a session counts as a logon, by the rules of the configuration: pure functions.

Each returns the rule that speaks against it, as `session_ignored` has it, or None.
"""

from collections.abc import Mapping
from typing import Literal

from cscd.config.settings import SessionSettings
from cscd.daemon.logon.account import Account
from cscd.daemon.logon.session import Session

Rule = Literal["class", "min_uid", "user", "group"]


def against_session(session: Session, settings: SessionSettings) -> Rule | None:
    """Judge by what the session itself tells."""
    if session.uid < settings.min_uid:
        return "min_uid"
    return None if session.session_class in settings.classes else "class"


def against_account(
    account: Account, numbers: Mapping[str, int | None], settings: SessionSettings
) -> Rule | None:
    """Judge by whose it is; `numbers` are those of the groups in the settings, None where unknown."""
    if not settings.users and not settings.groups:
        return None
    if account.name in settings.users or any(numbers.get(name) in account.groups for name in settings.groups):
        return None
    return "group" if settings.groups else "user"
