"""What a pass makes of items that hold age files: our own, the user's, and damaged ones."""

import io
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from cscd import age
from cscd.files.goal import Goal, State
from cscd.files.outcome import Reason
from tests.support import passes
from tests.support.passes import ENCRYPTED, UNENCRYPTED, Plan

CONTENT = random.randbytes(200_000)


@pytest.fixture
def item(tmp_path: Path) -> Path:
    """Make an item alone in a tree."""
    path = tmp_path / "tree" / "item"
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    return path


def plan(item: Path, to: State) -> Plan:
    """Plan a pass over the item's tree that knows nothing of earlier ones."""
    state = item.parent.parent / "state"
    shutil.rmtree(state, ignore_errors=True)
    return Plan(item.parent, passes.goal(to), state)


def users_own_age_file(marker: age.Marker | None) -> bytes:
    """Encrypt something to somebody."""
    sink = io.BytesIO()
    recipients = [age.X25519Identity.generate().recipient]
    age.encrypt_stream(io.BytesIO(CONTENT), sink, recipients, keep_going=lambda: True, marker=marker)
    return sink.getvalue()


def test_a_users_own_age_file_is_content(item: Path) -> None:
    """It is encrypted once more like anything else, and comes back as it was."""
    own = users_own_age_file(None)
    item.write_bytes(own)
    assert plan(item, UNENCRYPTED).run().right == 1
    assert item.read_bytes() == own
    assert plan(item, ENCRYPTED).run().converted == 1
    assert passes.plain(item.read_bytes()) == own
    assert plan(item, UNENCRYPTED).run().converted == 1
    assert item.read_bytes() == own


def test_nothing_is_encrypted_twice(item: Path) -> None:
    """An item of ours is right, also for a pass with another key that knows nothing of it."""
    plan(item, ENCRYPTED).run()
    before = item.read_bytes()
    other = age.X25519Identity.generate()
    goals = passes.goal(ENCRYPTED), Goal(ENCRYPTED, (other.recipient,), age.key_id(other.recipient))
    for number, goal in enumerate(goals):
        tally = Plan(item.parent, goal, item.parent.parent / f"state{number}").run()
        assert (tally.right, tally.converted) == (1, 0)
    assert item.read_bytes() == before


def test_what_no_identity_opens_is_left(item: Path) -> None:
    """An item of another key's is not damaged: it says that an identity is missing."""
    item.write_bytes(users_own_age_file(age.Marker("0" * 16)))
    before = item.read_bytes()
    tally = plan(item, UNENCRYPTED).run()
    assert passes.left(tally) == {"item": Reason.NO_IDENTITY}
    assert item.read_bytes() == before


def flip_mac(content: bytearray) -> None:
    """Change the header's authentication."""
    at = content.index(b"\n--- ") + 5
    content[at] = ord("A") if content[at] != ord("A") else ord("B")


def flip_marker(content: bytearray) -> None:
    """Change our own stanza, which wraps nothing and is authenticated all the same."""
    at = content.index(b"-> cscd ") + 8
    content[at] = ord("0") if content[at] != ord("0") else ord("1")


def break_header(content: bytearray) -> None:
    """Make the header unreadable."""
    at = content.index(b"\n--- ")
    content[at : at + 5] = b"\n-- -"


def flip_first(content: bytearray) -> None:
    """Change a byte of the first chunk."""
    content[content.index(b"\n--- ") + 100] ^= 1


def flip_last(content: bytearray) -> None:
    """Change the last byte."""
    content[-1] ^= 1


def truncate(content: bytearray) -> None:
    """Lose the last chunk, exactly."""
    del content[-(len(CONTENT) % age.CHUNK + age.TAG) :]


def truncate_payload(content: bytearray) -> None:
    """Lose everything behind the header."""
    del content[content.index(b"\n--- ") + 49 :]


def extend(content: bytearray) -> None:
    """Add to the end."""
    content += b"more"


@pytest.mark.parametrize(
    "damage",
    [flip_mac, flip_marker, break_header, flip_first, flip_last, truncate, truncate_payload, extend],
)
def test_damage_is_reported_and_not_touched(item: Path, damage: Callable[[bytearray], None]) -> None:
    """A damaged item is left byte for byte as it is, with all its metadata, by passes of both directions."""
    plan(item, ENCRYPTED).run()
    content = bytearray(item.read_bytes())
    damage(content)
    item.write_bytes(content)
    os.utime(item, ns=(1, 2))
    before = item.stat()
    tally = plan(item, UNENCRYPTED).run()
    assert passes.left(tally) == {"item": Reason.DAMAGED}
    assert tally.partial
    assert plan(item, ENCRYPTED).run().converted == 0
    assert item.read_bytes() == content
    now = item.stat()
    assert (now.st_ino, now.st_ctime_ns, now.st_mtime_ns) == (before.st_ino, before.st_ctime_ns, 2)
    assert os.listdir(item.parent) == ["item"]
