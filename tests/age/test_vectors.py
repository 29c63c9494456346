"""Every vector of the age test kit ends exactly as it says."""

import hashlib
import io

import pytest

from cscd.age import AgeReader, decrypt_stream
from cscd.age.armor import is_armored
from cscd.age.intake import Intake
from cscd.errors import AgeError, ArmorError, HeaderError, MacError, NoMatchError, PayloadError
from tests import vectors
from tests.vectors import Vector

FAILURES: dict[str, type[AgeError]] = {
    "header failure": HeaderError,
    "HMAC failure": MacError,
    "no match": NoMatchError,
    "payload failure": PayloadError,
    "armor failure": ArmorError,
}

VECTORS = [pytest.param(vector, id=vector.name) for vector in vectors.read_all()]


def failure(vector: Vector) -> type[AgeError]:
    """Return what a vector must fail with; what does not even begin like armor is no age file to us."""
    begins = is_armored(Intake(io.BytesIO(vector.file)))
    return FAILURES[vector.expect] if begins or not vector.armored else HeaderError


def keep_going() -> bool:
    """Never stop."""
    return True


@pytest.mark.parametrize("vector", VECTORS)
def test_stream(vector: Vector) -> None:
    """A stream ends as the vector says, having released exactly the plaintext that the vector says."""
    plain = io.BytesIO()
    if vector.expect == "success":
        decrypt_stream(io.BytesIO(vector.file), plain, vector.identities, keep_going=keep_going)
    else:
        with pytest.raises(failure(vector)):
            decrypt_stream(io.BytesIO(vector.file), plain, vector.identities, keep_going=keep_going)
    expected = vector.payload or hashlib.sha256(b"").hexdigest()
    assert hashlib.sha256(plain.getvalue()).hexdigest() == expected


@pytest.mark.parametrize(
    "vector", [param for param in VECTORS if not vectors.read(vectors.AGE / str(param.id)).armored]
)
def test_random_access(vector: Vector) -> None:
    """Random access ends as the vector says too, and finds every payload failure by the end of `verify`."""

    def pread(size: int, offset: int) -> bytes:
        return vector.file[offset : offset + size]

    def read_all() -> bytes:
        reader = AgeReader(pread, len(vector.file), vector.identities)
        reader.verify()
        return reader.read_at(0, reader.size)

    if vector.expect == "success":
        assert hashlib.sha256(read_all()).hexdigest() == vector.payload
    else:
        with pytest.raises(FAILURES[vector.expect]):
            read_all()
