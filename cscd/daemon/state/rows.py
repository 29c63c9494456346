"""Records as rows of the tables, and back.

Reading trusts nothing: a value that no record takes raises ValueError or TypeError.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any, Final

from cscd.daemon.state.records import CacheRecord, Counts, DrillRecord, PassRecord, UserRecord
from cscd.files.goal import State

_PASS: Final = tuple(field.name for field in fields(PassRecord))
"""The columns of a pass have the names of its fields."""

SELECT_CACHE: Final = "SELECT chosen, state, policy, recovery, drill FROM cache"
UPDATE_CACHE: Final = "UPDATE cache SET chosen = ?, state = ?, policy = ?, recovery = ?, drill = ?"
SELECT_USERS: Final = (
    "SELECT user.uid, user.name, user.pending, "  # noqa: S608 - names of fields
    f"{', '.join(f'pass.{name}' for name in _PASS)} FROM user LEFT JOIN pass USING (uid)"
)
INSERT_USER: Final = "INSERT OR REPLACE INTO user (uid, name, pending) VALUES (?, ?, ?)"
INSERT_PASS: Final = f"INSERT OR REPLACE INTO pass (uid, {', '.join(_PASS)}) VALUES (?{', ?' * len(_PASS)})"  # noqa: S608 - as above


def cache_row(record: CacheRecord) -> tuple[object, ...]:
    """Return the row of the cache."""
    recovery = None if record.recovery is None else json.dumps(record.recovery)
    drill = None if record.drill is None else json.dumps(asdict(record.drill))
    return record.chosen, record.state, record.policy, recovery, drill


def cache_of(row: Sequence[Any]) -> CacheRecord:
    """Return what a row of the cache says."""
    chosen, state, policy, recovery, drill = row
    return CacheRecord(
        State(chosen) if chosen is not None else None,
        State(state) if state is not None else None,
        policy,
        tuple(json.loads(recovery)) if recovery is not None else None,
        DrillRecord(**json.loads(drill)) if drill is not None else None,
    )


def user_row(record: UserRecord) -> tuple[object, ...]:
    """Return the row of a user."""
    return record.uid, _plain(record.name), json.dumps(dict(record.pending))


def pass_row(uid: int, record: PassRecord) -> tuple[object, ...]:
    """Return the row of a user's last pass."""
    values = {name: getattr(record, name) for name in _PASS}
    values["goal"] = record.goal.value
    values["reasons"] = json.dumps(dict(record.reasons))
    return uid, *(_plain(value) for value in values.values())


def user_of(row: Sequence[Any]) -> UserRecord:
    """Return what the row of a user says, with the one of the last pass, if there is one, at its end."""
    uid, name, pending, *values = row
    last = None if values[0] is None else _pass(dict(zip(_PASS, values, strict=True)))
    return UserRecord(uid, name, last, _counts(pending))


def _pass(values: dict[str, Any]) -> PassRecord:
    values["goal"] = State(values["goal"])
    values["reasons"] = _counts(values["reasons"])
    for name in ("complete", "partial", "stopped"):
        values[name] = bool(values[name])
    return PassRecord(**values)


def _counts(text: str) -> Counts:
    found = json.loads(text)
    if not isinstance(found, dict):
        raise TypeError("counts are an object")
    return found


def _plain(value: object) -> object:
    """Return what SQLite takes: no lone surrogates, which a name from the user database may have."""
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value
