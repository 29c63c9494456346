"""Messages as bytes: what their headers say, and what is no header."""

import struct
from typing import Any

import pytest
from dbus_fast import Message, MessageType
from hypothesis import given
from hypothesis import strategies as st

from cscd.daemon.dbus.frame import CALL, PREFIX, Header, header, lengths, without_body
from cscd.errors import MessageError
from tests.daemon.callers import message
from tests.daemon.hostile import marshalled


def from_bus(call: Message, sender: str = ":1.42") -> bytes:
    """Return a message as the bus delivers it, with its sender."""
    data = marshalled(call)
    size = lengths(data)
    fields = struct.unpack_from("<I", data, 12)[0]
    name = sender.encode()
    field = b"\x07\x01s\x00" + struct.pack("<I", len(name)) + name + b"\0"
    padded = data[: PREFIX + fields] + bytes(-fields & 7) + field
    whole = len(padded) - PREFIX
    other = bytearray(padded + bytes(-whole & 7) + data[size.header :])
    struct.pack_into("<I", other, 12, whole)
    return bytes(other)


@pytest.mark.parametrize("body", [("", ()), ("bu", (True, 1)), ("s", ("x" * 1000,)), ("as", (["a", "b"],))])
def test_a_header_says_who_sent_what(body: tuple[str, tuple[Any, ...]]) -> None:
    """The sender that the bus has put there, the signature, and how long all of it is."""
    data = from_bus(message("Encrypt", body[0], *body[1]))
    size = lengths(data)
    assert size.header + size.body == len(data)
    assert size.kind == CALL
    assert header(data[: size.header]) == Header(":1.42", body[0])


def test_a_reply_has_a_header_too() -> None:
    """The number of what it replies to is no string."""
    reply = Message(message_type=MessageType.METHOD_RETURN, reply_serial=7, signature="u", body=[1])
    assert header(from_bus(reply)) == Header(":1.42", "u")


def test_a_message_without_its_body() -> None:
    """It is as long as its header."""
    data = from_bus(message("Encrypt", "bu", True, 1))  # noqa: FBT003 - as Encrypt takes it
    size = lengths(data)
    bare = without_body(data[: size.header])
    assert lengths(bare).body == 0
    assert len(bare) == size.header


@pytest.mark.parametrize(
    "field",
    [
        pytest.param(b"\xc8\x01t\x00\x00\x00\x00\x00" + b"\x01" * 8, id="an integer of 64 bits"),
        pytest.param(b"\xc8\x02ay\x00", id="an array"),
        pytest.param(b"\x07\x01s\x00\xff\xff\xff\x7f", id="a string that ends nowhere"),
        pytest.param(b"\x07\x01s", id="the middle"),
    ],
)
def test_an_unknown_header_is_refused(field: bytes) -> None:
    """With a field that we cannot read we might take something else for the sender."""
    data = bytearray(b"l\x01\x00\x01" + bytes(12) + field)
    struct.pack_into("<I", data, 12, len(field))
    with pytest.raises(MessageError):
        header(data)


def test_what_is_no_message_is_refused() -> None:
    """It has neither order of bytes."""
    with pytest.raises(MessageError):
        lengths(b"x" * PREFIX)


@given(st.binary(max_size=64), st.sampled_from([b"l", b"B"]))
def test_any_bytes_are_a_header_or_none(rest: bytes, order: bytes) -> None:
    """Nothing else happens."""
    data = bytearray(order + b"\x01\x00\x01" + bytes(12) + rest)
    struct.pack_into("<I" if order == b"l" else ">I", data, 12, len(rest))
    try:
        header(data)
    except MessageError:
        return
