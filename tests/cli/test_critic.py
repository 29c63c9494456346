"""What would make the demonstration fail."""

import os
from pathlib import Path

from cscd.cli import exhibits
from cscd.cli.critic import Critic
from cscd.cli.exitcodes import ExitCode
from cscd.cli.stage import Done


def test_another_exit_code_is_noted() -> None:
    """With both."""
    critic = Critic("/")
    critic.expect(Done(0, b"", b""), ExitCode.OK, "the pass")
    assert not critic.wrong
    critic.expect(Done(3, b"", b""), ExitCode.OK, "the pass")
    assert critic.wrong == ["the pass ended with 3 instead of 0"]


def test_another_state_is_noted(tmp_path: Path) -> None:
    """An age file that cscd has not made is plain."""
    (tmp_path / "empty").touch()
    (tmp_path / "ours").write_bytes(b"age-encryption.org/v1\n-> cscd 0123456789abcdef\n")
    (tmp_path / "other").write_bytes(b"age-encryption.org/v1\n-> X25519 abc\n")
    critic = Critic(str(tmp_path))
    critic.expect_states({"empty": "empty", "ours": "encrypted", "other": "plain"})
    assert not critic.wrong
    critic.expect_states({"other": "encrypted"})
    assert critic.wrong == ["other was plain where it should have been encrypted"]


def test_what_is_new_gone_or_different_is_noted(tmp_path: Path) -> None:
    """The access time of one file may differ, nothing else of it."""
    for name in ("gone", "read", "changed"):
        (tmp_path / name).write_text(name)
    before = exhibits.describe(str(tmp_path))
    (tmp_path / "gone").rename(tmp_path / "new")
    (tmp_path / "changed").chmod(0o600)
    os.utime(tmp_path / "read", ns=(5, before["read"].modified_ns))
    after = exhibits.describe(str(tmp_path))
    critic = Critic(str(tmp_path))
    critic.compare(before, after, read="read")
    assert critic.wrong == ["changed: mode changed", "gone is gone", "new is new"]
    critic.compare(before, after, read="other")
    assert "read: accessed_ns changed" in critic.wrong
