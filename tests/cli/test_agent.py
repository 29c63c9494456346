"""Commands with the key that the service keeps: cat, inspect, recheck."""

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cscd import age
from cscd.age import Marker, X25519Identity, X25519Recipient, encrypt_stream, key_id
from cscd.cli.agent import MOST_STANZAS, KeptByService
from cscd.cli.exitcodes import ExitCode
from cscd.worker.holder import messages
from tests.cli.shell import Shell
from tests.daemon import statuses
from tests.daemon.serving import Served, served


@pytest.fixture
def identity() -> X25519Identity:
    """Give the key that only the service has."""
    return X25519Identity.generate()


@pytest.fixture
def server(shell: Shell, identity: X25519Identity) -> Iterator[Served]:
    """Serve where the user's own service would."""
    shell.variables["XDG_RUNTIME_DIR"] = str(shell.home / "run")
    (shell.home / "run" / "cscd").mkdir(parents=True)
    with served(shell.home / "run" / "cscd" / "control") as server:
        server.answers.identities[os.geteuid()] = (identity,)
        server.answers.status_now = statuses.status(
            statuses.user("me", os.geteuid(), key_id=key_id(identity.recipient))
        )
        yield server


def encrypted(path: Path, *recipients: X25519Recipient) -> Path:
    """Write a file as a pass would, marked with the first one's key."""
    with path.open("wb") as file:
        marker = Marker(key_id(recipients[0]), sparse=False)
        encrypt_stream(io.BytesIO(b"secret\n"), file, recipients, marker=marker, keep_going=lambda: True)
    return path


def test_cat_asks_the_service(shell: Shell, server: Served, identity: X25519Identity) -> None:
    """Where the user has no identity of their own."""
    file = encrypted(shell.home / "file", identity.recipient, X25519Identity.generate().recipient)
    done = shell.run("cat", file)
    assert (done.code, done.out, done.err) == (ExitCode.OK, b"secret\n", b"")
    assert not server.failed


def test_cat_asks_where_the_own_identity_does_not_fit(
    shell: Shell, server: Served, identity: X25519Identity
) -> None:
    """The own one is tried first, and asks nobody."""
    own = X25519Identity.generate()
    shell.identity.parent.mkdir(parents=True, mode=0o700)
    shell.identity.write_text(own.encode() + "\n")
    shell.identity.chmod(0o600)
    assert shell.run("cat", encrypted(shell.home / "file", identity.recipient)).out == b"secret\n"
    server.stop()
    assert shell.run("cat", encrypted(shell.home / "file", own.recipient)).out == b"secret\n"


def test_what_no_key_of_the_users_opens_is_said(shell: Shell, server: Served) -> None:
    """With what the service said, and what else can be done."""
    file = encrypted(shell.home / "file", X25519Identity.generate().recipient)
    done = shell.run("cat", file)
    assert (done.code, done.out) == (ExitCode.KEY, b"")
    assert "the service said: none of your keys opens it" in done.messages
    assert "--identity FILE" in done.messages
    server.answers.identities.clear()
    assert "no key is kept for you" in shell.run("cat", file).messages


def test_without_a_service_that_is_said(shell: Shell) -> None:
    """In the same sentence as that no identity is kept."""
    shell.variables["XDG_RUNTIME_DIR"] = str(shell.home)
    done = shell.run("cat", encrypted(shell.home / "file", X25519Identity.generate().recipient))
    assert done.code == ExitCode.KEY
    assert "no identity is kept in" in done.messages
    assert "there is no service that could keep one" in done.messages


def test_a_service_in_trouble_is_no_missing_key(
    shell: Shell, server: Served, identity: X25519Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it has the key is not known then."""

    async def fail(*_: object) -> bytes:
        raise ZeroDivisionError

    monkeypatch.setattr(server.answers, "keys", fail)
    file = encrypted(shell.home / "file", identity.recipient)
    assert shell.run("cat", file).code == ExitCode.SERVICE
    assert shell.run("inspect", file).code == ExitCode.SERVICE


def test_identities_that_are_given_are_the_only_ones(
    shell: Shell, server: Served, identity: X25519Identity
) -> None:
    """The service is not asked then."""
    other = shell.home / "other"
    other.write_text(X25519Identity.generate().encode() + "\n")
    other.chmod(0o600)
    file = encrypted(shell.home / "file", identity.recipient)
    done = shell.run("cat", "--identity", other, file)
    assert (done.code, done.out) == (ExitCode.KEY, b"")
    assert "service" not in done.messages
    assert not server.answers.asked


def test_inspect_knows_the_users_key(shell: Shell, server: Served, identity: X25519Identity) -> None:
    """And can check every chunk with it."""
    file = encrypted(shell.home / "file", identity.recipient)
    (report,) = shell.run("inspect", "--json", "--verify", file).json["files"]
    assert (report["own_key"], report["opens"], report["verified"]) == (True, True, True)
    foreign = encrypted(shell.home / "foreign", X25519Identity.generate().recipient)
    (report,) = shell.run("inspect", "--json", foreign).json["files"]
    assert (report["own_key"], report["opens"]) == (False, False)
    assert server.answers.asked


@pytest.mark.parametrize("changed", [{"key": "locked"}, {"key_id": ""}, {"key": "none"}])
def test_a_key_that_cannot_be_used_accuses_no_file(
    shell: Shell, server: Served, identity: X25519Identity, changed: dict[str, Any]
) -> None:
    """That it does not open now does not mean that the header was altered."""
    facts = {"key_id": key_id(identity.recipient), **changed}
    server.answers.status_now = statuses.status(statuses.user("me", os.geteuid(), **facts))
    file = encrypted(shell.home / "file", identity.recipient)
    (report,) = shell.run("inspect", "--json", file).json["files"]
    assert (report["state"], report["opens"]) == ("encrypted", None)


def test_only_stanzas_that_can_fit_are_shown(shell: Shell, server: Served, identity: X25519Identity) -> None:
    """No more of them than the service looks at, and the user's is among them."""
    assert MOST_STANZAS == messages.MOST_STANZAS
    others = [X25519Identity.generate().recipient.wrap(b"k" * 16) for _ in range(2 * MOST_STANZAS)]
    own = identity.recipient.wrap(b"k" * 16)
    agent = KeptByService({"XDG_RUNTIME_DIR": shell.variables["XDG_RUNTIME_DIR"]})
    assert agent.unwrap([Marker("ab" * 8, sparse=False).stanza(), own, *others]) == b"k" * 16
    assert agent.unwrap([Marker("ab" * 8, sparse=False).stanza()]) is None
    assert not server.limited


def test_recheck_encrypts_to_the_key_that_the_service_keeps(
    shell: Shell, server: Served, identity: X25519Identity, cache: Path
) -> None:
    """And makes no other one, which the service could not read."""
    done = shell.run("recheck", cache)
    assert done.code == ExitCode.OK
    assert "the service keeps for you" in done.messages
    header = age.parse((cache / "one").read_bytes())
    assert age.unlock(header, [identity])
    assert shell.run("cat", cache / "one").out == b"first\n"
    assert not server.failed


def test_recheck_cannot_unencrypt_with_it(shell: Shell, server: Served, cache: Path) -> None:
    """The key does not leave the service, which is asked to do it instead."""
    shell.run("recheck", cache)
    done = shell.run("recheck", "--to", "unencrypted", cache)
    assert done.code == ExitCode.KEY
    assert "cscd unencrypt" in done.messages
    assert not server.failed
