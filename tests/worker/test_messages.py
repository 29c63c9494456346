"""What the daemon and a worker say: names of any bytes get through, nothing that is unbounded does."""

import json

import pytest

from cscd.errors import MessageError
from cscd.worker import channel, messages

ODD = "/cache/\udcff\n\u202e"


def test_names_of_any_bytes_get_through() -> None:
    """In both directions: a file's name is no reason to take a worker for a broken one."""
    holder = messages.Holder(pid=1, command="\udcff")
    standing = messages.Standing(
        roots=(messages.RootStanding(path=ODD, state="watched"),),
        pending=(),
        failed=(),
        first=(messages.Stuck(path=ODD, reason="damaged", detail="\udcff", holders=(holder,)),),
    )
    assert channel.from_worker(channel.encoded(standing)) == standing
    setup = messages.Setup(
        roots=(ODD,),
        include=("\udcff",),
        state_directory="/x",
        retry_first=1.0,
        retry_longest=1.0,
        io="idle",
        nice=1,
    )
    assert channel.from_daemon(channel.encoded(setup)) == setup


@pytest.mark.parametrize("path", [5, None, "x" * 4097, ["x"], {"text": "x"}])
def test_what_is_no_name_is_refused(path: object) -> None:
    """By type and by length, and it is not quoted."""
    root = {"path": path, "state": "watched"}
    standing = {"kind": "standing", "roots": [root], "pending": [], "failed": [], "first": []}
    with pytest.raises(MessageError, match="at most 4096 characters") as refused:
        channel.from_worker(json.dumps(standing).encode())
    assert "xxx" not in str(refused.value)
