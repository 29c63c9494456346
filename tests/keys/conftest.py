"""The keys of one user, and what opens them."""

from pathlib import Path

import pytest

from cscd.age import X25519Identity
from cscd.keys import MachineKey, Passphrase, UserKey, UserKeys, UserSecrets
from tests.keys.subject import UID


@pytest.fixture
def machine() -> MachineKey:
    """Give a machine key."""
    return MachineKey(X25519Identity.generate(), "/nowhere")


@pytest.fixture
def passphrase() -> Passphrase:
    """Give the passphrase of a user."""
    return Passphrase(b"correct horse")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Say where the keys are to be."""
    return tmp_path / "keys"


@pytest.fixture
def keys(path: Path) -> UserKeys:
    """Give the public part of a service's keys."""
    return UserKeys(str(path))


@pytest.fixture
def secrets(path: Path) -> UserSecrets:
    """Give the secret part of a user's, whose passphrases take no time."""
    return UserSecrets(str(path), UID, work_factor=lambda: 2)


@pytest.fixture
def key(secrets: UserSecrets, machine: MachineKey) -> UserKey:
    """Give a user's key, made now and wrapped for the machine."""
    return secrets.make(machine)[0]


@pytest.fixture
def directory(path: Path, key: UserKey) -> Path:
    """Give the directory of a user who has that key."""
    assert (path / str(UID) / f"{key.key_id}.age").exists()
    return path / str(UID)
