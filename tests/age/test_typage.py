"""Post-quantum files go both ways between us and typage, the implementation of age's author in TypeScript.

Debian's `age` and `pyrage` do not know the type yet.
"""

import re
import subprocess
from pathlib import Path

import pytest

from cscd.age import HybridIdentity, Marker, X25519Identity, key_id, parse_identity, parse_recipient
from tests.age.test_interop import CONTENT, SIZES, decrypt, encrypt
from tests.support import requires

FOLDER = Path(__file__).parent / "typage"
PROGRAM = FOLDER / "age.mjs"
USER, RECOVERY, ANOTHER = X25519Identity.generate(), HybridIdentity.generate(), HybridIdentity.generate()


@pytest.fixture(scope="module", autouse=True)
def there() -> None:
    """Skip unless typage is installed, and there is a Node.js that it runs on."""
    requires.command("node")
    said = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
    version = re.match(r"v(\d+)\.(\d+)", said)
    if not version or (int(version[1]), int(version[2])) < (20, 19):
        pytest.skip(f"needs Node.js 20.19 or later, and this is {said.strip()}")
    if not (FOLDER / "node_modules" / "age-encryption").is_dir():
        pytest.skip(f"needs the npm package age-encryption: {requires.PROVISION} and npm are there")


def typage(*words: str, content: bytes = b"") -> bytes:
    """Run typage on `content`, and return what came out; CalledProcessError if it failed."""
    command = ["node", str(PROGRAM), *words]
    return subprocess.run(command, input=content, capture_output=True, check=True).stdout


def test_keys_are_the_same() -> None:
    """An identity of typage's has the same recipient here and there, and reads as we would write it."""
    secret, public = typage("pair").decode().split()
    identity = parse_identity(secret)
    assert isinstance(identity, HybridIdentity)
    assert identity.encode() == secret
    assert str(identity.recipient) == public
    assert str(parse_recipient(public)) == public


@SIZES
def test_typage_reads_ours(size: int) -> None:
    """Also the file of a cache: a marker and the user's classic stanza beside it."""
    content = CONTENT[:size]
    assert typage("decrypt", RECOVERY.encode(), content=encrypt(content, RECOVERY.recipient)) == content
    mixed = encrypt(content, USER.recipient, RECOVERY.recipient, marker=Marker(key_id(USER.recipient)))
    for identity in (USER, RECOVERY):
        assert typage("decrypt", identity.encode(), content=mixed) == content


@SIZES
def test_we_read_typages(size: int) -> None:
    """What it encrypts for several, with each of their identities."""
    content = CONTENT[:size]
    sealed = typage("encrypt", str(RECOVERY.recipient), str(ANOTHER.recipient), content=content)
    for identity in (RECOVERY, ANOTHER):
        assert decrypt(sealed, identity) == content


def test_another_key_opens_nothing() -> None:
    """Neither there nor here."""
    with pytest.raises(subprocess.CalledProcessError, match="decrypt"):
        typage("decrypt", ANOTHER.encode(), content=encrypt(CONTENT, RECOVERY.recipient))
