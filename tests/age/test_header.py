"""The textual header, line by line as the specification's ABNF has it."""

import os
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cscd.age.header import MAX_HEADER, Stanza, encode, looks_like_age, parse
from cscd.errors import HeaderError, HeaderTruncated, MacError

FILE_KEY = bytes(range(16))
MAC = b"--- " + b"A" * 43 + b"\n"
V1 = b"age-encryption.org/v1\n"

ARGUMENTS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=30)
STANZAS = st.builds(Stanza, st.lists(ARGUMENTS, min_size=1, max_size=5).map(tuple), st.binary(max_size=150))
HEADERS = st.lists(STANZAS, min_size=1, max_size=4)


@given(HEADERS, st.binary(max_size=50))
def test_round_trip(stanzas: list[Stanza], rest: bytes) -> None:
    """What was encoded is parsed again, whatever follows, and verifies under its file key only."""
    raw = encode(stanzas, FILE_KEY)
    header = parse(raw + rest)
    assert header.stanzas == tuple(stanzas)
    assert header.length == len(raw)
    header.verify(FILE_KEY)
    with pytest.raises(MacError):
        header.verify(bytes(16))


@given(HEADERS)
def test_every_beginning_is_truncated(stanzas: list[Stanza]) -> None:
    """Each proper beginning of a header is reported as one that goes on."""
    raw = encode(stanzas, FILE_KEY)
    for length in range(len(raw)):
        with pytest.raises(HeaderTruncated):
            parse(raw[:length])


@given(HEADERS, st.data())
def test_no_second_spelling(stanzas: list[Stanza], data: st.DataObject) -> None:
    """A header with any byte changed is either refused or fails its MAC."""
    raw = bytearray(encode(stanzas, FILE_KEY))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises((HeaderError, MacError)):
        parse(bytes(raw)).verify(FILE_KEY)


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"", id="empty"),
        pytest.param(V1[:-1], id="no line end"),
        pytest.param(V1 + MAC, id="no stanza"),
        pytest.param(b"age-encryption.org/v2\n-> a\n\n" + MAC, id="version 2"),
        pytest.param(b"age-encryption.org/v1\r\n-> a\r\n\r\n" + MAC, id="crlf"),
        pytest.param(b" " + V1 + b"-> a\n\n" + MAC, id="leading space"),
        pytest.param(b"\xef\xbb\xbf" + V1 + b"-> a\n\n" + MAC, id="byte order mark"),
        pytest.param(b"Age-encryption.org/v1\n-> a\n\n" + MAC, id="upper case"),
        pytest.param(V1 + b"->a\n\n" + MAC, id="no space before the arguments"),
        pytest.param(V1 + b"-> \n\n" + MAC, id="no argument"),
        pytest.param(V1 + b"->\n\n" + MAC, id="no argument and no space"),
        pytest.param(V1 + b"->  a\n\n" + MAC, id="empty first argument"),
        pytest.param(V1 + b"-> a  b\n\n" + MAC, id="empty argument"),
        pytest.param(V1 + b"-> a \n\n" + MAC, id="trailing space"),
        pytest.param(V1 + b"-> a\tb\n\n" + MAC, id="tab"),
        pytest.param(V1 + b"-> \xc3\xa4\n\n" + MAC, id="not ASCII"),
        pytest.param(V1 + b"-> a\x7f\n\n" + MAC, id="delete"),
        pytest.param(V1 + b"-> a\n" + MAC, id="no body"),
        pytest.param(V1 + b"-> a\nAAAA\nAAAA\n" + MAC, id="two short lines"),
        pytest.param(V1 + b"-> a\n" + b"A" * 64 + b"\n" + MAC, id="full last line"),
        pytest.param(V1 + b"-> a\n" + b"A" * 68 + b"\n" + MAC, id="long line"),
        pytest.param(V1 + b"-> a\nAA==\n" + MAC, id="padding"),
        pytest.param(V1 + b"-> a\nAB\n" + MAC, id="stray bits"),
        pytest.param(V1 + b"-> a\nAA-_\n" + MAC, id="other alphabet"),
        pytest.param(V1 + b"-> a\n AAA\n" + MAC, id="space in the body"),
        pytest.param(V1 + b"-> a\n\n" + b"--- " + b"A" * 42 + b"\n", id="short MAC"),
        pytest.param(V1 + b"-> a\n\n" + b"--- " + b"A" * 44 + b"\n", id="long MAC"),
        pytest.param(V1 + b"-> a\n\n" + b"--- " + b"A" * 42 + b"B\n", id="MAC with stray bits"),
        pytest.param(V1 + b"-> a\n\n" + b"--- " + b"A" * 43 + b"=\n", id="MAC with padding"),
        pytest.param(V1 + b"-> a\n\n" + b"--- " + b"A" * 43 + b" \n", id="MAC with trailing space"),
        pytest.param(V1 + b"-> a\n\n" + b"--- " + b"A" * 43 + b"\r\n", id="MAC with CRLF"),
        pytest.param(V1 + b"-> a\n\n" + b"---  " + b"A" * 43 + b"\n", id="MAC with two spaces"),
        pytest.param(V1 + b"-> a\n\n" + b"---" + b"A" * 43 + b"\n", id="MAC without space"),
        pytest.param(V1 + b"-> a\n\n" + b"---\n", id="no MAC"),
        pytest.param(V1 + b"-> a\n\n" + b"-- " + b"A" * 43 + b"\n", id="two dashes"),
        pytest.param(V1 + b"-> a\n\n\n" + MAC, id="empty line"),
        pytest.param(V1 + b"- a\n\n" + MAC, id="bad start"),
    ],
)
def test_refuses(raw: bytes) -> None:
    """Every deviation from the ABNF is a header error, even where more bytes follow."""
    with pytest.raises(HeaderError):
        parse(raw)


def test_garbage_is_refused_at_once() -> None:
    """What can no longer become a header is not called truncated, so that nobody reads on."""
    for raw in (b"PK\x03\x04", V1 + b"\0", V1 + b"-> a\n\n--- !", V1 + b"-> a\nAAAA\n\x80"):
        with pytest.raises(HeaderError) as caught:
            parse(raw)
        assert not isinstance(caught.value, HeaderTruncated)


def test_arguments_may_hold_every_visible_character() -> None:
    """An argument may hold all of ASCII from ! to ~."""
    visible = "".join(map(chr, range(33, 127)))
    raw = encode([Stanza((visible,), b"")], FILE_KEY)
    assert parse(raw).stanzas[0].type == visible


@pytest.mark.parametrize("length", [0, 47, 48, 49, 96])
def test_body_ends_with_a_short_line(length: int) -> None:
    """A body is wrapped at 64 columns and ends with a shorter line, empty if need be."""
    lines = Stanza(("a",), bytes(length)).encode().split(b"\n")[1:-1]
    assert [len(line) for line in lines[:-1]] == [64] * (length // 48)
    assert len(lines[-1]) < 64


@pytest.mark.parametrize("args", [(), ("",), ("a", ""), ("a b",), ("a\n",), ("\u00e4",)])
def test_does_not_encode_what_it_would_not_parse(args: tuple[str, ...]) -> None:
    """Arguments that cannot stand in a header are a bug in the caller."""
    with pytest.raises(ValueError, match="arguments"):
        Stanza(args, b"").encode()


@pytest.mark.parametrize(
    "endless",
    [
        b"-> " + b"a" * MAX_HEADER,
        b"-> a\n" + (b"A" * 64 + b"\n") * (MAX_HEADER // 65 + 1),
        b"-> a\n\n" * MAX_HEADER,
    ],
)
def test_refuses_an_endless_header(endless: bytes) -> None:
    """A header beyond the limit is refused, not called truncated, and in bounded time."""
    start = time.monotonic()
    with pytest.raises(HeaderError, match="longer than") as caught:
        parse(V1 + endless)
    assert not isinstance(caught.value, HeaderTruncated)
    assert time.monotonic() - start < 10


def test_accepts_a_header_of_exactly_the_limit() -> None:
    """The limit itself is allowed, one byte more is not."""
    base = len(encode([Stanza(("a",), b"")], FILE_KEY))
    assert parse(encode([Stanza(("a" * (MAX_HEADER - base + 1),), b"")], FILE_KEY)).length == MAX_HEADER
    with pytest.raises(HeaderError, match="longer than"):
        parse(encode([Stanza(("a" * (MAX_HEADER - base + 2),), b"")], FILE_KEY))


def test_looks_like_age() -> None:
    """Only the full version line makes a file look like age."""
    assert looks_like_age(V1 + os.urandom(10))
    assert not looks_like_age(V1[:-1])
    assert not looks_like_age(b"")
