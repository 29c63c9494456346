"""``cscd keys machine seal``: the key is always somewhere, and its file goes when the rest is proved."""

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cscd.age import X25519Identity
from cscd.cli.exitcodes import ExitCode
from cscd.cli.keys.sealing import Sealing
from cscd.errors import KeyFileError, ServiceError
from cscd.keys.keyfile import identity_text
from tests.cli.shell import Shell
from tests.support import sealing as support

pytestmark = pytest.mark.root


@pytest.fixture
def sealing(tmp_path: Path) -> Iterator[Sealing]:
    """Give a system with a machine key in a file."""
    with support.system(tmp_path / "system") as made:
        yield made


def test_the_credential_holds_the_key_before_the_file_goes(sealing: Sealing) -> None:
    """And systemd gives it to the service, which was seen to have it."""
    key = sealing.key()
    assert key
    assert not sealing.in_use(key)
    sealing.seal(key)
    assert Path(sealing.file).exists()
    assert not sealing.in_use(key)
    sealing.unit.restart()
    assert sealing.in_use(key)
    sealing.finish(key)
    assert sealing.key() is None
    assert sealing.in_use(None)
    assert support.start(sealing).identity.encode() == key.identity.encode()


def test_the_credential_is_encrypted_and_root_s_alone(sealing: Sealing) -> None:
    """The drop-in, which holds no secret, can be read by everybody, as systemd wants it."""
    key = sealing.key()
    assert key
    sealing.seal(key)
    file = Path(sealing.credential.path)
    assert b"SECRET" not in file.read_bytes()
    assert file.stat().st_mode & 0o7777 == 0o600
    assert file.parent.stat().st_mode & 0o7777 == 0o700
    drop_in = Path(sealing.unit.drop_in)
    assert drop_in.stat().st_mode & 0o7777 == 0o644
    assert drop_in.read_text() == f"[Service]\nLoadCredentialEncrypted={support.NAME}:{file}\n"


def test_it_goes_on_where_it_was_left(sealing: Sealing) -> None:
    """The credential that is there is not made anew: somebody may have a copy of it."""
    key = sealing.key()
    assert key
    sealing.seal(key)
    before = Path(sealing.credential.path).read_bytes()
    sealing.seal(key)
    assert Path(sealing.credential.path).read_bytes() == before


def test_a_credential_with_another_key_is_left_alone(sealing: Sealing) -> None:
    """Which of the two opens everything, is for a person to find out."""
    sealing.credential.put(identity_text(X25519Identity.generate()))
    key = sealing.key()
    assert key
    with pytest.raises(KeyFileError, match="another key") as caught:
        sealing.seal(key)
    assert caught.value.reason == "ambiguous"
    assert not Path(sealing.unit.drop_in).exists()
    assert Path(sealing.file).exists()


def test_a_credential_that_this_system_cannot_decrypt_is_no_proof(sealing: Sealing) -> None:
    """As one of another computer."""
    key = sealing.key()
    assert key
    sealing.seal(key)
    Path(sealing.file).parent.joinpath("host.secret").unlink()
    subprocess.run(["systemd-creds", "setup"], check=True, capture_output=True)
    with pytest.raises(ServiceError, match="systemd-creds decrypt"):
        sealing.seal(key)
    assert Path(sealing.file).exists()


def test_a_service_that_was_given_another_key_is_no_proof(sealing: Sealing) -> None:
    """Nor one that does not run."""
    key = sealing.key()
    assert key
    sealing.credential.put(identity_text(X25519Identity.generate()))
    sealing.unit.load(sealing.credential)
    sealing.unit.restart()
    with pytest.raises(KeyFileError, match="another machine key"):
        sealing.in_use(key)
    assert isinstance(sealing.unit, support.Started)
    assert not replace(sealing, unit=replace(sealing.unit, running=False)).in_use(key)


def test_a_file_that_holds_another_key_by_now_stays(sealing: Sealing) -> None:
    """Somebody put one back meanwhile."""
    key = sealing.key()
    assert key
    Path(sealing.file).write_bytes(identity_text(X25519Identity.generate()))
    with pytest.raises(KeyFileError, match="another key by now"):
        sealing.finish(key)
    assert Path(sealing.file).exists()


def test_no_secret_is_in_what_systemd_is_told(sealing: Sealing) -> None:
    """Also where it fails: what was to be encrypted is in no error."""
    broken = replace(sealing.credential, name="x" * 300)
    with pytest.raises(ServiceError) as caught:
        broken.put(b"AGE-SECRET-KEY-1NOTHING")
    assert "NOTHING" not in repr(caught.value)


def test_it_is_for_root_and_asks_first(shell: Shell) -> None:
    """Without a terminal it must be said before."""
    done = shell.run("keys", "machine", "seal")
    assert done.code == ExitCode.USAGE
    assert "--yes" in done.messages
