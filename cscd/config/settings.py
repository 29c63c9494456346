"""Every setting: its name, what it takes, its default, what it means and in which unit.

The text below a key, or below the name of a section's class, is its documentation everywhere: in the shipped
file, in `docs/configuration.md` and in editors. Settings do not change; a reload makes new ones.
"""

from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from cscd.config.kind import Choice, Flag, Text, Whole
from cscd.config.quantity import Duration, Size, as_duration
from cscd.config.template import Template

CONTRADICTION = "contradiction"
"""The type of pydantic's error for keys that do not go together; its context has the `key` to look at."""

Policy = Literal["encrypted", "unencrypted", "user-controlled"]
State = Literal["encrypted", "unencrypted"]
Leases = Literal["required", "best-effort"]
SessionSource = Literal["auto", "logind", "runtime-directory"]
SessionClass = Literal[
    "user",
    "user-early",
    "user-light",
    "user-early-light",
    "user-incomplete",
    "greeter",
    "lock-screen",
    "background",
    "background-light",
    "manager",
    "manager-early",
]
SilentSink = Literal["continue", "abort"]
IoPriority = Literal["idle", "low", "normal"]
Protector = Literal["machine", "passphrase"]
Destination = Literal["auto", "journal", "file", "stdout"]
Level = Literal["debug", "info", "warning", "error"]
Format = Literal["auto", "json", "console"]


def _different(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Refuse a list that says the same twice."""
    for at, value in enumerate(values):
        if value in values[:at]:
            raise PydanticCustomError(
                "twice", "expected each only once, but {value} is there again", {"value": value}
            )
    return values


def _few(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Refuse a list of more recovery recipients than are granted."""
    if len(values) > MOST_RECOVERY:
        raise PydanticCustomError(
            "too_many",
            "expected at most {most}, but there are {count}",
            {"most": MOST_RECOVERY, "count": len(values)},
        )
    return values


Different = AfterValidator(_different)
UNIQUE = Field(json_schema_extra={"uniqueItems": True})

MOST_RECOVERY: Final = 32
"""Recovery recipients: each has a part in the header of every file, of 1.6 KiB if it is post-quantum."""
Few = AfterValidator(_few)
UNIQUE_AND_FEW = Field(json_schema_extra={"uniqueItems": True, "maxItems": MOST_RECOVERY})

Pattern = Annotated[str, Text("a pattern such as *.tmp or build/**", r"[^\u0000-\u001f\u007f]{1,4096}")]
AccountName = Annotated[str, Text("a name from the user database", r"[^\u0000-\u001f\u007f/:]{1,256}")]
AbsolutePath = Annotated[str, Text("an absolute path", r"(?:/[^/\u0000-\u001f\u007f]{1,255})+")]
Recipient = Annotated[
    str,
    Text(
        "an age recipient: age1 and 58 more characters, or age1pq1 and 1952 more",
        r"age1(?:[02-9ac-hj-np-z]{58}|pq1[02-9ac-hj-np-z]{1952})",
        secret=True,
    ),
]
CredentialName = Annotated[
    str, Text("the name of a systemd credential", r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}")
]


class Section(BaseModel):
    """What all sections have in common."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True, hide_input_in_errors=True
    )

    @model_validator(mode="before")
    @classmethod
    def _empty(cls, value: object) -> object:
        """Take a section in which every key is commented out for an empty one."""
        return {} if value is None else value


class CacheSettings(Section):
    """Which files are the cached files."""

    roots: Annotated[tuple[Annotated[str, Template()], ...], Field(min_length=1), Different, UNIQUE] = (
        "{home}/.cache/cscd",
    )
    """The directories that hold a user's cached files, with everything below them on the same filesystem.
    {user} is the user's name, {uid} the number, {home} the home directory. The default is a directory of
    cscd's own, so that installing it touches no file that was there before: programs that look into their
    encrypted files without cscd see age files. A directory that a user does not have is waited for."""

    include: Annotated[tuple[Pattern, ...], Different, UNIQUE] = ()
    """Only files that match one of these patterns; with none, all files. A pattern with a slash is compared
    with the path below the root, one without with the name alone. * and ? match anything but a slash, **
    matches slashes, too."""

    exclude: Annotated[tuple[Pattern, ...], Different, UNIQUE] = ()
    """No files that match one of these patterns, and no directories. Wins over include."""


class EncryptionSettings(Section):
    """Which state the cache shall be in, and who can read it."""

    policy: Annotated[Policy, Choice(Policy)] = "user-controlled"
    """The state of the cache on this computer. encrypted and unencrypted set it, and no call changes it;
    user-controlled leaves it as it is, for an administrator to change with the Encrypt method. It is applied
    at logon, and at a reload for those who are logged on."""

    initial_state: Annotated[State, Choice(State)] = "encrypted"
    """With the policy user-controlled: the state while none was chosen yet, or when the record of it was
    lost."""

    recovery_recipients: Annotated[tuple[Recipient, ...], Different, Few, UNIQUE_AND_FEW] = ()
    """Who can read every encrypted file besides its user: at most 32 age recipients (age1…, or age1pq1… of
    the post-quantum type), whose identities are kept offline. Without one, what a lost key encrypted is lost.
    Applies to files that are encrypted from now on."""

    leases: Annotated[Leases, Choice(Leases)] = "required"
    """Where the filesystem cannot tell who has a file open, as network filesystems often cannot: required
    leaves the file alone, best-effort looks at /proc and compares before and after, which can lose a write
    that happens in between."""

    sink_timeout: Annotated[float, Duration(0.1, 3_600)] = 30.0
    """How long a program that called EncryptWithProgress without AsyncProgress may take for an answer about
    one file, in seconds. Once it was silent for so long, it is not asked again."""

    sink_silent: Annotated[SilentSink, Choice(SilentSink)] = "continue"
    """What becomes of a call whose program fell silent: continue goes on without asking, abort ends it, to
    be repeated."""


class SessionSettings(Section):
    """Whose logons count."""

    source: Annotated[SessionSource, Choice(SessionSource)] = "auto"
    """Who tells about logons: logind on the system bus, or its files, in its runtime-directory, where there
    is no bus. auto takes the first of these that works, and returns to it when it works again."""

    classes: Annotated[
        tuple[Annotated[SessionClass, Choice(SessionClass)], ...], Field(min_length=1), Different, UNIQUE
    ] = ("user",)
    """The classes of sessions that count as a logon, as pam_systemd(8) names them."""

    users: Annotated[tuple[AccountName, ...], Different, UNIQUE] = ()
    """Only these users, by name, and the members of groups; with neither, all users."""

    groups: Annotated[tuple[AccountName, ...], Different, UNIQUE] = ()
    """Only members of these groups, by name, and users; with neither, all users."""

    min_uid: Annotated[int, Whole(0, 0xFFFF_FFFD)] = 1000
    """Only users with this uid or a higher one: below 1000 are root and the system's own (UID_MIN in
    login.defs(5)). Applies to users and groups, too. Root is not served even with 0."""


class RetrySettings(Section):
    """When a file that was in use is tried again. It is also tried as soon as it is closed."""

    first: Annotated[float, Duration(0.1, 3_600)] = 5.0
    """The wait before the first retry, in seconds; each further one is twice as long."""

    longest: Annotated[float, Duration(1, 86_400)] = 600.0
    """The longest wait between two retries, in seconds."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.first > self.longest:
            raise PydanticCustomError(
                CONTRADICTION,
                "expected at least the wait of enforcement.retry.first, {first}",
                {"key": "longest", "first": as_duration(self.first)},
            )
        return self


class PrioritySettings(Section):
    """How much a pass in the background holds back for everybody else."""

    io: Annotated[IoPriority, Choice(IoPriority)] = "idle"
    """The priority of disk access (ioprio_set(2)): idle uses what nobody else wants, low is the last of the
    ordinary ones, normal is that of any program."""

    cpu: Annotated[int, Whole(0, 19)] = 10
    """The nice value (nice(2)): 0 is that of any program, 19 the most modest."""


class EnforcementSettings(Section):
    """How the files are brought into the state of the cache."""

    retry: RetrySettings = RetrySettings()

    recheck_interval: Annotated[float, Duration(60, 30 * 86_400, zero="never")] = 21_600.0
    """How often a logged-on user's files are all compared with the state, in seconds, whatever was noticed
    in between. Files that are right already are not opened for it."""

    concurrent_passes: Annotated[int | Literal["cores"], Whole(1, 1_024, word="cores")] = "cores"
    """How many users' files are worked on at once; the rest wait in the order of their logons. cores is the
    number of processors that the service may use."""

    priority: PrioritySettings = PrioritySettings()

    logoff_pass: Annotated[bool, Flag()] = True
    """Whether there is one more pass when a user's last session has ended and programs have closed their
    files."""

    worker_memory: Annotated[int, Size(64 << 20, 64 << 30)] = 256 << 20
    """The memory, in bytes, that each process of a user's worker may take for itself (RLIMIT_DATA in
    setrlimit(2)). A worker that wants more is ended, logged and started again later; the others do not
    notice."""


class KeySettings(Section):
    """How the users' keys are kept."""

    machine_credential: CredentialName = "cscd.machine-key"
    """The name of the systemd credential with the machine key (LoadCredentialEncrypted= in
    systemd.exec(5)). Where the service was given it, machine_key_file is not used."""

    machine_key_file: AbsolutePath = "/var/lib/cscd/machine.key"
    """The file with the machine key where there is no credential; root's alone, and made at the first start.
    Whoever can read it can read every user's key."""

    protectors: Annotated[
        tuple[Annotated[Protector, Choice(Protector)], ...], Field(min_length=1), Different, UNIQUE
    ] = ("machine",)
    """What protects the key of a new user: machine is the machine key, so that it opens without asking;
    passphrase is the logon password (cscd-pam), or what the user has chosen with cscd keys passphrase. Either
    opens the key. With passphrase alone the key is made when the first passphrase comes, and nothing of that
    user is encrypted until then."""

    lock_on_suspend: Annotated[bool, Flag()] = False
    """Whether keys that a passphrase has opened are forgotten when the machine is suspended; who comes back
    unlocks them anew."""


class RateLimitSettings(Section):
    """How many lines of the same kind are written; the rest are counted, and the count is logged."""

    burst: Annotated[int, Whole(1, 1_000_000)] = 100
    """The number of lines of one event about one user in each interval."""

    interval: Annotated[float, Duration(1, 86_400)] = 60.0
    """The length of an interval, in seconds."""


class LoggingSettings(Section):
    """Where the log goes."""

    destination: Annotated[Destination, Choice(Destination)] = "auto"
    """journal is the systemd journal, file the one named below, stdout the standard output. auto is the
    journal for the service and standard output on a terminal."""

    file: AbsolutePath = "/var/log/cscd/cscd.jsonl"
    """The file for the destination file: one JSON object on each line."""

    level: Annotated[Level, Choice(Level)] = "info"
    """The least important events that are logged. debug has each file that was converted, info what was
    skipped and a summary of each pass, warning what failed, error what stops the service from working."""

    format: Annotated[Format, Choice(Format)] = "auto"
    """What the destination stdout gets: console is for people, json one object on each line. auto is console
    on a terminal, else json."""

    rate_limit: RateLimitSettings = RateLimitSettings()


class MetricsSettings(Section):
    """Numbers for Prometheus, as a text file that node_exporter reads."""

    enabled: Annotated[bool, Flag()] = False
    """Whether they are written."""

    textfile: AbsolutePath = "/var/lib/prometheus/node-exporter/cscd.prom"
    """The file, in the directory that node_exporter's textfile collector reads. It is replaced as a whole."""

    interval: Annotated[float, Duration(5, 86_400)] = 30.0
    """How often it is written, in seconds."""


class Settings(Section):
    """The configuration of cscd."""

    cache: CacheSettings = CacheSettings()
    encryption: EncryptionSettings = EncryptionSettings()
    sessions: SessionSettings = SessionSettings()
    enforcement: EnforcementSettings = EnforcementSettings()
    keys: KeySettings = KeySettings()
    logging: LoggingSettings = LoggingSettings()
    metrics: MetricsSettings = MetricsSettings()
