"""ASCII armor has one spelling, except for line ends and blank space around it."""

import base64
import io
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cscd.age.armor import ArmorReader, is_armored
from cscd.age.file import decrypt_stream, encrypt_stream
from cscd.age.intake import Intake
from cscd.age.x25519 import X25519Identity
from cscd.errors import ArmorError, HeaderError

BEGIN, END = b"-----BEGIN AGE ENCRYPTED FILE-----", b"-----END AGE ENCRYPTED FILE-----"


def armor(binary: bytes, newline: bytes = b"\n") -> bytes:
    """Return `binary` in armor."""
    text = base64.b64encode(binary)
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return newline.join([BEGIN, *lines, END, b""])


def dearmor(armored: bytes) -> bytes:
    """Return the binary file within."""
    reader = ArmorReader(io.BytesIO(armored))
    return b"".join(iter(lambda: reader.read(1000), b""))


@settings(max_examples=50)
@given(st.binary(max_size=200), st.sampled_from([b"\n", b"\r\n"]))
def test_round_trip(binary: bytes, newline: bytes) -> None:
    """Armor of any length, with either line end, holds what was put in."""
    assert dearmor(armor(binary, newline)) == binary


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
@pytest.mark.parametrize("size", [0, 47, 48, 49, 48 * 1008, 48 * 1024, 100_000, 500_001])
def test_sizes(size: int, newline: bytes) -> None:
    """Armor around the size of a line and of our block holds what was put in."""
    binary = os.urandom(size)
    assert dearmor(armor(binary, newline)) == binary


GOOD = armor(b"x" * 100)
FIRST, SECOND, LAST = GOOD.split(b"\n")[1:4]


def lines(*content: bytes) -> bytes:
    """Return armor with these lines."""
    return b"\n".join([BEGIN, *content, END, b""])


@pytest.mark.parametrize(
    "armored",
    [
        GOOD,
        GOOD[:-1],
        b"\n \t\r\n" + GOOD,
        b"\n" * 1024 + GOOD,
        GOOD + b" \n\t\r\n ",
        GOOD + b"\n" * 1024,
    ],
)
def test_accepts_blank_space_around(armored: bytes) -> None:
    """Blank lines before and blank space after the armor are allowed, up to a limit."""
    assert dearmor(armored) == b"x" * 100


@pytest.mark.parametrize(
    "armored",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\n" * 1025 + GOOD, id="too much before"),
        pytest.param(GOOD + b"\n" * 1025, id="too much after"),
        pytest.param(b"x\n" + GOOD, id="garbage before"),
        pytest.param(GOOD + b"x", id="garbage after"),
        pytest.param(GOOD + GOOD, id="two armors"),
        pytest.param(b" " + GOOD, id="space before the begin line"),
        pytest.param(GOOD.replace(BEGIN, BEGIN + b" "), id="space after the begin line"),
        pytest.param(GOOD.replace(END, END + b" "), id="space after the end line"),
        pytest.param(GOOD.replace(END, b" " + END), id="space before the end line"),
        pytest.param(GOOD.replace(BEGIN, BEGIN.lower()), id="lower case"),
        pytest.param(GOOD.replace(b"AGE ENCRYPTED FILE", b"PGP MESSAGE"), id="other label"),
        pytest.param(GOOD.replace(END, END.replace(b"FILE", b"FILM")), id="other end label"),
        pytest.param(GOOD.replace(END + b"\n", b""), id="no end"),
        pytest.param(GOOD.replace(LAST + b"\n" + END + b"\n", b""), id="cut off after a full line"),
        pytest.param(lines(b"Comment: x", b"", FIRST, SECOND, LAST), id="PEM headers"),
        pytest.param(lines(b"", FIRST, SECOND, LAST), id="empty line at the start"),
        pytest.param(lines(FIRST, b"", SECOND, LAST), id="empty line in the middle"),
        pytest.param(lines(FIRST, SECOND, LAST, b""), id="empty line at the end"),
        pytest.param(lines(FIRST, SECOND, LAST, b"=TZaD"), id="PGP checksum"),
        pytest.param(lines(FIRST, SECOND, LAST.rstrip(b"=")), id="no padding"),
        pytest.param(lines(FIRST, SECOND, LAST + b"="), id="too much padding"),
        pytest.param(lines(FIRST, SECOND, LAST[:-2], b"=="), id="line end in the padding"),
        pytest.param(lines(FIRST, SECOND, LAST[:-3] + b"B=="), id="stray bits"),
        pytest.param(lines(FIRST + SECOND, LAST), id="long line"),
        pytest.param(lines(FIRST[:60], FIRST[60:] + SECOND[:60], SECOND[60:] + LAST), id="short line"),
        pytest.param(lines(FIRST, LAST, SECOND), id="last line in the middle"),
        pytest.param(lines(FIRST, b" " + SECOND, LAST), id="space before a line"),
        pytest.param(lines(FIRST, SECOND + b" ", LAST), id="space after a line"),
        pytest.param(lines(FIRST, SECOND, LAST + b" "), id="space after the last line"),
        pytest.param(lines(FIRST, b"*" + SECOND[1:], LAST), id="foreign character"),
        pytest.param(lines(FIRST, SECOND + b"\r", LAST + b"\r\r"), id="two carriage returns"),
        pytest.param(lines(FIRST, SECOND[:30] + b"\r" + SECOND[30:], LAST), id="carriage return in a line"),
        pytest.param(lines(FIRST, base64.b64encode(b"x" * 49)), id="last line too long"),
    ],
)
def test_refuses(armored: bytes) -> None:
    """Every other deviation is an armor error, which is a header error."""
    with pytest.raises(ArmorError) as caught:
        dearmor(armored)
    assert isinstance(caught.value, HeaderError)


@settings(max_examples=200)
@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_never_two_armors_for_one_file(at: int, change: int) -> None:
    """A changed byte is refused or changes the content; only line ends and space outside are free."""
    changed = bytearray(GOOD)
    changed[at] ^= change
    try:
        binary = dearmor(bytes(changed))
    except ArmorError:
        return
    assert binary != b"x" * 100 or bytes(changed).strip() == GOOD.strip()


def test_detection() -> None:
    """PEM of any label is taken for armor, after blank space too, and nothing is consumed."""
    for armored in (GOOD, b"\r\n\n" + GOOD, GOOD.lower().replace(b"-----begin", b"-----BEGIN")):
        intake = Intake(io.BytesIO(armored))
        assert is_armored(intake)
        assert intake.take(len(armored)) == armored
    for binary in (b"", b"age-encryption.org/v1\n", b"x" + GOOD, b"\n" * 1025 + GOOD):
        assert not is_armored(Intake(io.BytesIO(binary)))


@pytest.mark.parametrize("size", [0, 1000, 200_000])
def test_decrypting(size: int) -> None:
    """An armored age file decrypts like a binary one."""
    identity, content = X25519Identity.generate(), os.urandom(size)
    sealed, plain = io.BytesIO(), io.BytesIO()
    encrypt_stream(io.BytesIO(content), sealed, [identity.recipient], keep_going=lambda: True)
    armored = io.BytesIO(armor(sealed.getvalue(), b"\r\n"))
    decrypt_stream(armored, plain, [identity], keep_going=lambda: True)
    assert plain.getvalue() == content
