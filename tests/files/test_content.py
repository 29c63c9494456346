"""Plain, encrypted by us, or damaged: told by an item's first bytes."""

import io
import os
from pathlib import Path

import pytest

from cscd import age
from cscd.files.content import LOOK, examine
from cscd.files.outcome import LeftAlone, Reason
from tests.support import passes

RECIPIENT = passes.IDENTITY.recipient


def sealed(content: bytes, *, marker: bool, recipients: int = 1) -> bytes:
    """Encrypt to one or many recipients, with our marker or without."""
    sink = io.BytesIO()
    age.encrypt_stream(
        io.BytesIO(content),
        sink,
        [RECIPIENT] * recipients,
        keep_going=lambda: True,
        marker=age.Marker(age.key_id(RECIPIENT)) if marker else None,
    )
    return sink.getvalue()


def look(path: Path, content: bytes) -> age.Marker | None:
    """Examine a file with this content and return the marker."""
    path.write_bytes(content)
    fd = os.open(path, os.O_RDONLY)
    try:
        found = examine(fd, os.pread(fd, LOOK, 0))
    finally:
        os.close(fd)
    return found[1] if found else None


@pytest.mark.parametrize(
    "content",
    [
        b"x",
        b"age-encryption.org/v1",
        b"age-encryption.org/v1\nlooks like it and is not",
        b"-----BEGIN AGE ENCRYPTED FILE-----\n",
        sealed(b"content", marker=False),
        b" " + sealed(b"content", marker=True),
    ],
    ids=["byte", "first line", "letter", "armor", "foreign", "shifted"],
)
def test_everything_else_is_plain(tmp_path: Path, content: bytes) -> None:
    """What a user keeps is content, age files of the user's own as well."""
    assert look(tmp_path / "item", content) is None


@pytest.mark.parametrize("recipients", [1, 3, 1000])
def test_ours_is_known_by_its_marker(tmp_path: Path, recipients: int) -> None:
    """An item encrypted by us is known, also if its header is longer than what is first read."""
    content = sealed(b"content", marker=True, recipients=recipients)
    assert look(tmp_path / "item", content) == age.Marker(age.key_id(RECIPIENT))


def test_a_header_of_ours_that_is_broken_is_damage(tmp_path: Path) -> None:
    """A broken header with our stanza in it is neither plain nor encrypted: it is left alone."""
    content = sealed(b"content", marker=True)
    end = content.index(b"\n--- ")
    for broken in (content[: end + 10], content.replace(b"-> X25519 ", b"-> X25519\t", 1)):
        with pytest.raises(LeftAlone) as caught:
            look(tmp_path / "item", broken)
        assert caught.value.reason is Reason.DAMAGED
        assert caught.value.detail
