"""One message on the bus as bytes: how long it is, and what its header says, without its body being read.

D-Bus specification, "Message Format": 16 bytes of fixed length, the last four of them the length of the array
of header fields; the fields, padded to eight bytes; the body.
"""

import struct
from dataclasses import dataclass
from typing import Final

from cscd.errors import MessageError

PREFIX: Final = 16
"""Bytes that tell how long the message is."""

CALL: Final = 1
RETURN: Final = 2
ERROR: Final = 3
SIGNAL: Final = 4
"""Types of messages."""

_SENDER: Final = 7
_SIGNATURE: Final = 8
_UNKNOWN: Final = "?"
"""For what is not there, or not of the one type that it must have."""

_LENGTHS: Final = {ord("l"): struct.Struct("<III"), ord("B"): struct.Struct(">III")}
_NUMBERS: Final = {ord("l"): struct.Struct("<I"), ord("B"): struct.Struct(">I")}
_BODY_LENGTH_AT: Final = 4


@dataclass(frozen=True, slots=True)
class Lengths:
    """How long a message is, in bytes."""

    header: int
    """All before the body, with its padding."""
    body: int
    serial: int
    kind: int
    """One of the types above, or one that nobody knows."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a header says of who sent what."""

    sender: str
    signature: str
    """Of the body; "" for none."""


def lengths(prefix: bytes | bytearray) -> Lengths:
    """Return what the first `PREFIX` bytes tell. Raises `MessageError` for what can be no message."""
    form = _LENGTHS.get(prefix[0])
    if form is None:
        raise MessageError("the bus sent what is no message")
    body, serial, fields = form.unpack_from(prefix, _BODY_LENGTH_AT)
    return Lengths(PREFIX + fields + (-fields & 7), body, serial, prefix[1])


def header(data: bytes | bytearray) -> Header:
    """Return what a header says, given all of it. Raises `MessageError` for what no header has."""
    number = _NUMBERS[data[0]]
    sender, signature = "", ""
    at, end = PREFIX, PREFIX + number.unpack_from(data, PREFIX - 4)[0]
    try:
        while at < end:
            at += -at & 7
            # A field: its code, and a variant, which is the signature of one type and then the value.
            code, size, kind = data[at], data[at + 1], data[at + 2]
            # All fields that the specification knows are of these types. With another one the rest could
            # only be guessed at, and with it who the sender is.
            if size != 1 or kind not in b"gosu":
                raise MessageError("a header field of an unknown form")
            at += 4
            if kind == ord("g"):
                begin, length = at + 1, data[at]
                at = begin + length + 1
            else:
                at += -at & 3
                begin, length = at + 4, number.unpack_from(data, at)[0]
                at = begin if kind == ord("u") else begin + length + 1
            if code == _SENDER:
                sender = _text(data, begin, length) if kind == ord("s") else _UNKNOWN
            elif code == _SIGNATURE:
                signature = _text(data, begin, length) if kind == ord("g") else _UNKNOWN
        if at > end:
            raise MessageError("a header field that does not end")
    except (IndexError, struct.error):
        raise MessageError("a header that ends too early") from None
    return Header(sender, signature)


def without_body(data: bytes | bytearray) -> bytearray:
    """Return a message of that header alone."""
    bare = bytearray(data)
    bare[_BODY_LENGTH_AT : _BODY_LENGTH_AT + 4] = bytes(4)
    return bare


def _text(data: bytes | bytearray, begin: int, length: int) -> str:
    # What is not ASCII is no name and no signature; it then is none that anybody waits for.
    return data[begin : begin + length].decode("ascii", "replace")
