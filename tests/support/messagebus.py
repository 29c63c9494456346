"""A message bus of one's own: the real dbus-daemon, by the system bus's rules and those of cscd."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support import requires

POLICY = Path(__file__).parent.parent.parent / "systemd" / "org.cscd.OfflineFiles1.conf"
"""Who may own the name and who may call it, as installed."""

_CONFIGURATION = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={path}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <deny own="*"/>
    <deny send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
    <allow send_destination="org.freedesktop.DBus"/>
  </policy>
  <include>{policy}</include>
  <policy user="root">
    <allow own="org.freedesktop.PolicyKit1"/>
  </policy>
  <policy context="default">
    <allow send_destination="org.freedesktop.PolicyKit1"/>
  </policy>
</busconfig>
"""
"""As /usr/share/dbus-1/system.conf has it, without activation; and a place for a polkit."""


class MessageBus:
    """A dbus-daemon, which can be killed and started again at the same address."""

    def __init__(self, directory: Path) -> None:
        self._socket = directory / "bus"
        self._configuration = directory / "bus.conf"
        self._configuration.write_text(_CONFIGURATION.format(path=self._socket, policy=POLICY))
        self.address = f"unix:path={self._socket}"
        self.complaints = directory / "bus.log"
        """What it complains of: thousands of lines where somebody floods it."""
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it listens: it prints its address then."""
        self._socket.unlink(missing_ok=True)
        with self.complaints.open("ab") as complaints:
            self._process = subprocess.Popen(
                ["dbus-daemon", f"--config-file={self._configuration}", "--nofork", "--print-address"],
                stdout=subprocess.PIPE,
                stderr=complaints,
            )
        assert self._process.stdout
        assert self._process.stdout.readline()

    def signal(self, number: int) -> None:
        """Send it a signal, such as SIGSTOP."""
        assert self._process
        self._process.send_signal(number)

    def kill(self) -> None:
        """Kill it as a crash would."""
        if self._process:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            assert self._process.stdout
            self._process.stdout.close()
            self._process = None


@contextmanager
def message_bus(directory: Path) -> Iterator[MessageBus]:
    """Run one while the block lasts, in a directory that others can reach if they are to."""
    requires.command("dbus-daemon")
    bus = MessageBus(directory)
    bus.start()
    try:
        yield bus
    finally:
        bus.kill()
