"""A user's keys as the control socket answers with them: ``{"ask":"keys"}``."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from cscd.age import KeyRecipient, key_id
from cscd.daemon.keys.keyring import Standing
from cscd.daemon.keys.told import words
from cscd.keys import Protector
from cscd.worker.holder.reply import answer


def listing(uid: int, standing: Standing, keys: Sequence[dict[str, Any]]) -> bytes:
    """Return the answer, with each key as `described` has it."""
    return answer(
        json.dumps(
            {
                "uid": uid,
                "state": standing.state,
                "stale": standing.stale,
                "awaited": standing.awaited,
                "keys": keys,
            }
        )
    )


def described(
    recipient: KeyRecipient,
    *,
    current: bool,
    retired: bool = False,
    protectors: Iterable[Protector] = (),
    work_factor: int | None = None,
) -> dict[str, Any]:
    """Return what is said of one key, whose identity may be a file that nothing protects."""
    return {
        "key_id": key_id(recipient),
        "recipient": str(recipient),
        "current": current,
        "retired": retired,
        "protectors": words(protectors),
        "work_factor": work_factor,
        "items": None,
    }
