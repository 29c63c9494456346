"""The lines that answer over the control socket: by the daemon, or by a holder that it has handed over to."""

import base64
import json
from typing import Final, Literal

LONGEST: Final = 64 << 10
"""Bytes of a line from a client, with its newline."""

Refusal = Literal[
    "malformed",
    "busy",
    "not_allowed",
    "unknown_user",
    "no_key",
    "locked",
    "no_match",
    "wrong_passphrase",
    "too_many_tries",
    "last_protector",
    "does_not_fit",
    "unusable",
    "stopping",
    "timed_out",
    "internal",
]
"""Why there is no answer. malformed: it is no question, or not the secrets that were wanted; busy: more was
asked than is granted, or the user's keys are at work for another question, try again soon; not_allowed: it is
for root, or for whoever runs the service; unknown_user: nothing is kept for this user; no_key: the user has
no key yet; locked: the user's key is; no_match: none of the user's keys fits; wrong_passphrase: it opens
nothing; too_many_tries: too many wrong ones in a row, wait a minute; last_protector: nothing else would open
the key; does_not_fit: what is to be imported is not one X25519 identity, or another user's; unusable: a key
file is damaged, swapped, missing or open to others, and the message says which; stopping: the service ends;
timed_out: it took too long, or the secrets did not come in time; internal: a bug."""


class Refused(Exception):  # noqa: N818 - not an error of ours: the answer is no
    """There is no answer, for this reason."""

    def __init__(self, reason: Refusal, message: str) -> None:
        """Take the reason and a sentence for the person who asks."""
        super().__init__(message)
        self.reason: Refusal = reason


def answer(content: str) -> bytes:
    """Return the line of an answer, of which `content` is the JSON."""
    return f'{{"answer":{content}}}\n'.encode()


def file_key_answer(file_key: bytes) -> bytes:
    """Return the line that answers with a file key."""
    return answer(json.dumps({"file_key": base64.b64encode(file_key).decode("ascii")}))


def refusal(reason: Refusal, message: str) -> bytes:
    """Return the line that says why there is none."""
    return json.dumps({"refused": reason, "message": message}).encode("ascii") + b"\n"


def wanted(secrets: tuple[str, ...]) -> bytes:
    """Return the line that says which secrets are wanted."""
    return json.dumps({"secrets": secrets}, separators=(",", ":")).encode("ascii") + b"\n"
