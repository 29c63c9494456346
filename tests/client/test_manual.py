"""`docs/client.md` does what it says."""

import os
import re
import subprocess
import sys
from pathlib import Path

from cscd.client import Code
from tests.daemon.encrypting import Call, served

MANUAL = Path(__file__).parent.parent.parent / "docs" / "client.md"


def test_its_example_runs(common_path: Path) -> None:
    """It is told of an item, prints what came of the call, and hears of a change."""
    (program,) = re.findall(
        r"^```python\n(.*?)^```$", MANUAL.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    with served(common_path) as server:

        async def work(call: Call) -> Code:
            assert call.sink
            assert await call.sink.begin()
            await call.sink.item_begin("/a")
            await call.sink.item_result("/a", Code.SHARING_VIOLATION)
            server.service.encryption_changed(True, False, True, True)  # noqa: FBT003 - as in the signal
            await call.sink.end(Code.SHARING_VIOLATION)
            return Code.SHARING_VIOLATION

        server.core.work = work
        done = subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": server.bus.address},
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "/a ERROR_SHARING_VIOLATION",
        "ERROR_SHARING_VIOLATION: items are in use by other programs",
        (
            "Encryption(encrypted=True, partial=False)"
            " Properties(active=True, enabled=True, location='{home}/.cache/cscd')"
        ),
        "now Encryption(encrypted=True, partial=True)",
    ]
