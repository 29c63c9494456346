"""Users who exist by number alone: no entry in the user database, but everything else that a user has."""

import os
from functools import partial

from cscd.daemon.logon.account import Account, Accounts

FIRST = 700_000
"""The uid and gid of the first one: no user database hands out such numbers by itself."""


def uid_of(number: int) -> int:
    """The uid of the user with this number, which counts from 0."""
    return FIRST + number


class Numbered(Accounts):
    """A user database that has every number, with homes below one directory."""

    def __init__(self, homes: str) -> None:
        """Take the directory of the homes."""
        super().__init__()
        self._homes = homes

    async def find(self, uid: int) -> Account | None:
        """Return the account, from a thread as the real one does."""
        found = await self._ask(("uid", uid), partial(_account, uid, self._homes))
        return found if isinstance(found, Account) else None


def _account(uid: int, homes: str) -> Account:
    return Account(f"user-{uid}", uid, uid, os.path.join(homes, str(uid)), (uid,))
