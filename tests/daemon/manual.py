"""What is written from the interface on the bus: its description as XML, and tables of `docs/dbus.md`.

``python -m tests.daemon.manual`` writes them anew; a test fails while they differ.
"""

from pathlib import Path

from cscd.daemon.interface import CACHE_INTERFACE, PROGRESS_INTERFACE
from cscd.daemon.introspection import description

ROOT = Path(__file__).parent.parent.parent
DESCRIPTION = ROOT / "systemd" / "org.cscd.OfflineFiles1.xml"


def described() -> str:
    """The description as it should be."""
    return description((CACHE_INTERFACE, PROGRESS_INTERFACE))


if __name__ == "__main__":
    DESCRIPTION.write_text(described(), encoding="utf-8")
