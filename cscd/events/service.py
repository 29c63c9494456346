"""Events of the service as a whole: its life, its database, its surroundings."""

from typing import ClassVar

from cscd.events.event import Kind, ServiceEvent
from cscd.events.fields import Count, FileName, Seconds, Text, Word, error_text
from cscd.events.level import Level


class ServiceStarted(ServiceEvent):
    """The service is ready: it knows its configuration, its state and who is logged on."""

    kind: ClassVar = Kind("service_started", Level.INFO, "4dc0fc7e9b358f5222a0e9afb4102dc9", "Nothing.")
    version: Word
    """Of cscd."""
    state: Word
    """The cache-wide encryption state: encrypted or unencrypted."""
    policy: Word
    """The policy in force: encrypted, unencrypted or user-controlled."""
    users: Count
    """Users that are logged on."""

    def message(self) -> str:
        """Say which version began in which state."""
        return f"cscd {self.version} is ready: cache {self.state}, policy {self.policy}, {self.users} users"


class ServiceStopping(ServiceEvent):
    """The service was asked to stop and ends what is under way; every item stays whole."""

    kind: ClassVar = Kind(
        "service_stopping", Level.INFO, "b85d3e29557e9b20b68f86594c61ea3a", "Nothing; the next start resumes."
    )
    reason: Word
    """The signal or request, such as SIGTERM."""
    passes: Count
    """Passes that were under way."""

    def message(self) -> str:
        """Say who asked and what is under way."""
        return f"stopping ({self.reason}), {self.passes} passes under way"


class ServiceStopped(ServiceEvent):
    """The service has ended in an orderly way."""

    kind: ClassVar = Kind(
        "service_stopped",
        Level.INFO,
        "6116598716ec9cafb00fde7dcc08182a",
        "Start it again with `systemctl start cscd`.",
    )
    seconds: Seconds
    """From the request to the end."""

    def message(self) -> str:
        """Say how long it took."""
        return f"stopped after {self.seconds:.1f} s"


class InternalError(ServiceEvent):
    """A part of cscd failed in a way that nobody foresaw; the rest goes on where it can."""

    kind: ClassVar = Kind(
        "internal_error",
        Level.CRITICAL,
        "880cb748dc6690bd81b0fac213c3809a",
        "It is a bug: please report it with the lines around it.",
    )
    where: Text
    """The part, and the place in the code."""
    error: Text
    """The error's class and message."""

    def message(self) -> str:
        """Say where and what."""
        return f"internal error in {self.where}: {self.error}"


class DatabaseDamaged(ServiceEvent):
    """The state database could not be read; it was set aside and begun anew from the configuration."""

    kind: ClassVar = Kind(
        "database_damaged",
        Level.ERROR,
        "df34ca2cb5442cdd1ee5f48155b7b68a",
        "Look for the cause (`dmesg`, a full disk); rechecks rebuild what the database held.",
    )
    path: FileName
    """The database."""
    kept_as: FileName
    """Where the damaged one was put."""
    error: Text
    """What SQLite said."""

    def message(self) -> str:
        """Say which, and where it is now."""
        return f"{self.path} is damaged ({self.error}); kept as {self.kept_as}, begun anew"


class DatabaseMigrated(ServiceEvent):
    """The state database was brought to the form that this version of cscd uses."""

    kind: ClassVar = Kind("database_migrated", Level.INFO, "03b98f28eba94ff4ed918c75d56e7d9e", "Nothing.")
    before: Count
    """The form's number before."""
    after: Count
    """The form's number now."""

    def message(self) -> str:
        """Say from which to which."""
        return f"state database migrated from form {self.before} to {self.after}"


class DatabaseUnwritable(ServiceEvent):
    """The state database cannot be written or read; the service goes on and remembers in memory alone."""

    kind: ClassVar = Kind(
        "database_unwritable",
        Level.ERROR,
        "42360d01d7cf4c1ab7839ae09e9e51de",
        "Make room, or make the directory writable; cscd then writes what it has by itself.",
    )
    path: FileName
    """The database."""
    error: Text
    """What SQLite or the system said."""

    def message(self) -> str:
        """Say which and why."""
        return f"{self.path} cannot be used ({self.error}); going on in memory alone"


class DatabaseWritable(ServiceEvent):
    """The state database can be written again, and holds all that was remembered in memory meanwhile."""

    kind: ClassVar = Kind("database_writable", Level.INFO, "89d26b1468b4498b844bd03fdca75b1d", "Nothing.")
    path: FileName
    """The database."""

    def message(self) -> str:
        """Say which."""
        return f"{self.path} is written again"


class RootHidden(ServiceEvent):
    """A root of the cache cannot be reached from within the service's own sandbox."""

    kind: ClassVar = Kind(
        "root_hidden",
        Level.ERROR,
        "d26a2fc5bb10202b803d13a66fe25070",
        "Add the setting named to a drop-in (`systemctl edit cscd`) and restart the service.",
    )
    path: FileName
    """The root."""
    setting: Text
    """The setting of the unit that is missing, to be copied."""

    def message(self) -> str:
        """Say which root and which setting."""
        return f"{self.path} is hidden by the service's sandbox; missing in the unit: {self.setting}"


class MetricsFailed(ServiceEvent):
    """The file with the metrics could not be written; the one before it stays."""

    kind: ClassVar = Kind(
        "metrics_failed",
        Level.WARNING,
        "3f5dde673cebb02b0404d3a9491a6af4",
        "Check `metrics` in the configuration, the directory and its disk.",
    )
    path: FileName
    """The file."""
    errno: Count
    """The error's number, as in errno(3)."""

    def message(self) -> str:
        """Say which file and why."""
        return f"metrics not written to {self.path}: {error_text(self.errno)}"


class BusConnected(ServiceEvent):
    """The service is on the system bus and can be called."""

    kind: ClassVar = Kind("bus_connected", Level.INFO, "f49ee630c86461d5cbd54ac0eb5aa7b8", "Nothing.")
    name: Word
    """Its name on the bus."""

    def message(self) -> str:
        """Say under which name."""
        return f"on the system bus as {self.name}"


class BusLost(ServiceEvent):
    """The system bus went away or refused the service: nobody can call it, logons are seen by other means."""

    kind: ClassVar = Kind(
        "bus_lost",
        Level.WARNING,
        "8bb661ed3455c393605e74aaca197943",
        "See `systemctl status dbus`; cscd connects again by itself.",
    )
    error: Text
    """What the bus or the system said."""
    retry_seconds: Seconds
    """The time until the next attempt."""

    def message(self) -> str:
        """Say why, and when it is tried again."""
        return f"no system bus ({self.error}); trying again in {self.retry_seconds:.0f} s"
