"""A small service that keeps one user's key, and answers questions about it as the control socket does.

It speaks the protocol and has the rules, without a file, a holder or scrypt; `tests/system` and
`tests/daemon` have the real one.
"""

import base64
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cscd.age import Stanza, X25519Identity, key_id, parse_identities

Said = dict[str, Any]


class Refused(Exception):  # noqa: N818 - the answer is no
    """It is."""

    def __init__(self, reason: str, message: str = "no") -> None:
        super().__init__(message)
        self.reason = reason


@dataclass
class Keys:
    """One user's keys and how they are wrapped."""

    identities: list[X25519Identity] = field(default_factory=lambda: [X25519Identity.generate()])
    """The current one first."""
    machine: bool = True
    passphrase: bytes | None = None
    locked: bool = False
    refuses: str = ""
    """With this reason, whatever is asked."""
    questions: list[Said] = field(default_factory=list)
    """Everything that was asked, without secrets."""

    @property
    def key_id(self) -> str:
        """Names the current key."""
        return key_id(self.identities[0].recipient)

    @property
    def asked(self) -> list[str]:
        """What was asked, by name."""
        return [question["ask"] for question in self.questions]

    def wanted(self, question: Said) -> tuple[str, ...]:
        """Return which secrets a question takes."""
        old = ("passphrase",) if self.passphrase is not None else ()
        match question["ask"]:
            case "unlock":
                return () if self.machine else old
            case "passphrase":
                return (*old, "new")
            case "import":
                return (*old, "identity")
            case "protect" | "unprotect" | "rotate" | "export":
                return () if question["ask"] == "rotate" and "user" in question else old
            case _:
                return ()

    def answer(self, question: Said, secrets: dict[str, bytes]) -> Said:
        """Do it. Raises `Refused`."""
        self.questions.append(question)
        if self.refuses:
            raise Refused(self.refuses, f"it is {self.refuses}")
        if "passphrase" in secrets and secrets["passphrase"] != self.passphrase:
            raise Refused("wrong_passphrase", "the passphrase does not open the key")
        method: Callable[..., Said] | None = getattr(self, f"_{question['ask']}", None)
        if method is None:
            raise Refused("malformed", "not a question about keys")
        return method(question, secrets)

    def _keys(self, question: Said, _secrets: dict[str, bytes]) -> Said:
        protectors = [*(["machine"] if self.machine else []), *(["passphrase"] if self.passphrase else [])]
        return {
            "uid": question.get("user", 0),
            "state": "locked" if self.locked else "unlocked" if self.identities else "none",
            "keys": [
                {
                    "key_id": key_id(each.recipient),
                    "recipient": str(each.recipient),
                    "current": not number,
                    "retired": number > 1,
                    "protectors": protectors,
                    "work_factor": 18 if self.passphrase else None,
                    "items": None if number > 1 else 1204 - number,
                }
                for number, each in enumerate(self.identities)
            ],
        }

    def _unlock(self, _question: Said, _secrets: dict[str, bytes]) -> Said:
        self.locked = False
        return {"key_id": self.key_id}

    def _lock(self, _question: Said, _secrets: dict[str, bytes]) -> Said:
        self.locked = True
        return {"key_id": self.key_id, "opens_without_asking": self.machine}

    def _passphrase(self, _question: Said, secrets: dict[str, bytes]) -> Said:
        self.passphrase = secrets["new"]
        return {"key_id": self.key_id}

    def _protect(self, _question: Said, _secrets: dict[str, bytes]) -> Said:
        self.machine = True
        return {"key_id": self.key_id}

    def _unprotect(self, question: Said, _secrets: dict[str, bytes]) -> Said:
        if not (self.machine and self.passphrase):
            raise Refused("last_protector", "nothing else opens it")
        if question["protector"] == "machine":
            self.machine = False
        else:
            self.passphrase = None
        return {"key_id": self.key_id}

    def _rotate(self, _question: Said, _secrets: dict[str, bytes]) -> Said:
        self.identities.insert(0, X25519Identity.generate())
        return {"key_id": self.key_id}

    def _export(self, _question: Said, _secrets: dict[str, bytes]) -> Said:
        return {"identities": "".join(f"{each.encode()}\n" for each in self.identities)}

    def _import(self, _question: Said, secrets: dict[str, bytes]) -> Said:
        (identity,) = parse_identities(secrets["identity"])
        assert isinstance(identity, X25519Identity)
        self.identities.insert(0, identity)
        return {"key_id": self.key_id}

    def _recipients(self, _question: Said, _secrets: dict[str, bytes]) -> Said:
        return {"recipients": [str(self.identities[0].recipient)]}

    def _unwrap(self, question: Said, _secrets: dict[str, bytes]) -> Said:
        if self.locked:
            raise Refused("locked", "your key is locked")
        stanzas = [Stanza(tuple(e["args"]), base64.b64decode(e["body"])) for e in question["stanzas"]]
        for identity in self.identities:
            if file_key := identity.unwrap(stanzas):
                return {"file_key": base64.b64encode(file_key).decode()}
        raise Refused("no_match", "none of your keys opens it")


@contextmanager
def keeping(path: Path, keys: Keys) -> Iterator[Keys]:
    """Answer at a path while the block lasts."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        path.chmod(0o666)
        listening.listen()
        thread = threading.Thread(target=_serve, args=(listening, keys))
        thread.start()
        try:
            yield keys
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()


def _serve(listening: socket.socket, keys: Keys) -> None:
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        with connection, connection.makefile("rwb") as lines:
            reply = _reply(lines, keys)
            if reply is not None:
                lines.write(json.dumps(reply).encode() + b"\n")


def _reply(lines: Any, keys: Keys) -> Said | None:  # noqa: ANN401 - what a socket's makefile gives
    """Return what is answered in the end, None to a client that went to ask for secrets."""
    question = json.loads(lines.readline())
    wanted = keys.wanted(question)
    secrets: dict[str, bytes] = {}
    if wanted:
        lines.write(json.dumps({"secrets": wanted}).encode() + b"\n")
        lines.flush()
        line = lines.readline()
        if not line:
            return None
        secrets = {name: base64.b64decode(value, validate=True) for name, value in json.loads(line).items()}
        assert set(secrets) == set(wanted)
    try:
        return {"answer": keys.answer(question, secrets)}
    except Refused as refused:
        return {"refused": refused.reason, "message": str(refused)}
