"""The metrics of the service, in the text format of Prometheus.

Made anew from a status and the totals each time: nothing is kept here that could tell of a user who has left.

How many series there are is bounded, whatever users do: every label's values come from a list, but for
`user`, and only the first `MOST_USERS` users get series of their own, those who are not right before the
others. The sums have all of them.

This module takes 4 MB and 50 ms to import, so that only `cscd.daemon.telling.metrics` does, when it writes.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, get_args

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from cscd.daemon.telling.status import Reasons, RootStatus, Status, UserStatus
from cscd.daemon.telling.totals import OTHER, RESULTS, WATCH_FAILURES, WORKER_FAILURES, Totals
from cscd.files.goal import State
from cscd.files.outcome import Lasting, Reason

MOST_USERS: Final = 500
"""Users with series of their own: eight each."""

_POLICIES: Final = ("encrypted", "unencrypted", "user-controlled")
_SOURCES: Final = ("logind", "runtime-directory", "self")
_WORKERS: Final[tuple[str, ...]] = get_args(UserStatus.model_fields["worker"].annotation)
_ROOTS: Final[tuple[str, ...]] = get_args(RootStatus.model_fields["state"].annotation)
_REASONS: Final = tuple(reason.value for reason in Reason if reason.lasting is not Lasting.FINE)

Values = Mapping[tuple[str, ...], float]
"""The value for each combination of labels."""


@dataclass(frozen=True, slots=True)
class Source:
    """What metrics are made of."""

    status: Status
    totals: Totals

    @property
    def users(self) -> tuple[UserStatus, ...]:
        """The users with series of their own."""
        return tuple(
            sorted(self.status.users, key=lambda user: (not user.partial, user.name, user.uid))[:MOST_USERS]
        )


@dataclass(frozen=True, slots=True)
class Described:
    """One metric: what it is called, what it means, and where its values come from."""

    name: str
    meaning: str
    values: Callable[[Source], Values]
    labels: tuple[str, ...] = ()
    counter: bool = False

    def family(self, source: Source) -> Metric:
        """Return it with its values."""
        kind = CounterMetricFamily if self.counter else GaugeMetricFamily
        family = kind(self.name, self.meaning, labels=self.labels)
        for labels, value in self.values(source).items():
            family.add_metric(labels, value)
        return family


def exposition(status: Status, totals: Totals) -> bytes:
    """Return all metrics as the content of a text file."""
    registry = CollectorRegistry()
    registry.register(_Collector(Source(status, totals)))
    return generate_latest(registry)


class _Collector(Collector):
    def __init__(self, source: Source) -> None:
        self._source = source

    def collect(self) -> Iterator[Metric]:
        """Yield every metric; asked for by the registry."""
        for metric in METRICS:
            yield metric.family(self._source)


def _one(value: Callable[[Status], float]) -> Callable[[Source], Values]:
    """Return what gives a single value."""
    return lambda source: {(): value(source.status)}


def _each(value: Callable[[UserStatus], float]) -> Callable[[Source], Values]:
    """Return what gives a value for each user."""
    return lambda source: {(user.name,): value(user) for user in source.users}


def _which(names: Iterable[str], current: Callable[[Status], str]) -> Callable[[Source], Values]:
    """Return what gives 1 for the name that is true now, and 0 for the others."""
    return lambda source: {(name,): float(name == current(source.status)) for name in names}


def _counted(names: Iterable[str], counts: Callable[[Source], Counter[str]]) -> Callable[[Source], Values]:
    """Return what gives the number for each known name, also where that is 0, and for all others together."""
    known = (*names,)

    def values(source: Source) -> Values:
        found = counts(source)
        other = sum(count for name, count in found.items() if name not in known)
        return {**{(name,): float(found[name]) for name in known}, **({(OTHER,): other} if other else {})}

    return values


def _by_state(counts: Callable[[Source], Counter[State]]) -> Callable[[Source], Values]:
    return lambda source: {(state.value,): float(counts(source)[state]) for state in State}


def _summed(reasons: Callable[[UserStatus], tuple[Reasons, ...]]) -> Callable[[Source], Counter[str]]:
    """Return what gives the items of all users by reason."""

    def counts(source: Source) -> Counter[str]:
        found: Counter[str] = Counter()
        for user in source.status.users:
            found.update({each.reason: each.items for each in reasons(user)})
        return found

    return counts


def _workers(source: Source) -> Counter[str]:
    return Counter(user.worker for user in source.status.users)


def _roots(source: Source) -> Counter[str]:
    return Counter(root.state for user in source.status.users for root in user.roots)


def _last_passes(source: Source) -> Values:
    return {(user.name,): user.last.ended for user in source.users if user.last}


METRICS: Final = (
    Described(
        "cscd_build_info",
        "Always 1; the label says which version of cscd this is.",
        lambda source: {(source.status.version,): 1.0},
        ("version",),
    ),
    Described(
        "cscd_start_time_seconds",
        "When the service was started, in seconds since 1970.",
        _one(lambda status: status.time - status.uptime),
    ),
    Described(
        "cscd_encrypted",
        "The cache-wide encryption state: 1 if every item shall be encrypted, 0 if unencrypted.",
        _one(lambda status: float(status.state is State.ENCRYPTED)),
    ),
    Described(
        "cscd_partial",
        "1 while some item of some user is not in that state, or is not known to be; else 0.",
        _one(lambda status: float(status.partial)),
    ),
    Described(
        "cscd_policy",
        "1 for the policy in force, 0 for the others.",
        _which(_POLICIES, lambda status: status.policy),
        ("policy",),
    ),
    Described(
        "cscd_session_source",
        "1 for what tells about logons, 0 for the others; all 0 while none works.",
        _which(_SOURCES, lambda status: status.session_source),
        ("source",),
    ),
    Described(
        "cscd_recovery_recipients",
        "How many can read every file besides its user. 0 with encryption on is a risk of loss.",
        _one(lambda status: status.recovery_recipients),
    ),
    Described(
        "cscd_users",
        "Users that are logged on, or with something still to be done.",
        _one(lambda status: len(status.users)),
    ),
    Described(
        "cscd_users_without_series",
        f"Of these, how many have no series of their own, because there are more than {MOST_USERS}.",
        _one(lambda status: max(0, len(status.users) - MOST_USERS)),
    ),
    Described(
        "cscd_users_partial",
        "Of these, how many have some item that is not in the state of the cache, or not known to be.",
        _one(lambda status: sum(user.partial for user in status.users)),
    ),
    Described(
        "cscd_sessions",
        "Open sessions that count as a logon.",
        _one(lambda status: sum(user.sessions for user in status.users)),
    ),
    Described(
        "cscd_workers",
        "Users by the state of the process that works for them.",
        _counted(_WORKERS, _workers),
        ("state",),
    ),
    Described(
        "cscd_worker_failures_total",
        "Workers that died, hung or misbehaved, and were ended.",
        _counted(WORKER_FAILURES, lambda source: source.totals.worker_failures),
        ("reason",),
        counter=True,
    ),
    Described(
        "cscd_roots",
        "Directories of users' caches: watched, unwatched (new files are found by rechecks) or awaited.",
        _counted(_ROOTS, _roots),
        ("state",),
    ),
    Described(
        "cscd_watch_failures_total",
        "How often new files may have been missed for a while; a recheck followed each time.",
        _counted(WATCH_FAILURES, lambda source: source.totals.watch_failures),
        ("reason",),
        counter=True,
    ),
    Described(
        "cscd_items_pending",
        "Items of all users that are tried again by themselves.",
        _counted(_REASONS, _summed(lambda user: user.pending)),
        ("reason",),
    ),
    Described(
        "cscd_items_failed",
        "Items of all users that stay as they are until somebody does something about it.",
        _counted(_REASONS, _summed(lambda user: user.failed)),
        ("reason",),
    ),
    Described(
        "cscd_passes_running", "Passes that are under way.", _one(lambda status: status.passes_running)
    ),
    Described(
        "cscd_passes_waiting",
        "Passes that wait for their turn.",
        _one(lambda status: status.passes_waiting),
    ),
    Described(
        "cscd_passes_total",
        "Passes that have ended: right, partial, stopped before their end, or failed (not to be done).",
        _counted(RESULTS, lambda source: source.totals.passes),
        ("result",),
        counter=True,
    ),
    Described(
        "cscd_pass_seconds_total",
        "How long the passes that have ended took, together.",
        lambda source: {(): source.totals.pass_seconds},
        counter=True,
    ),
    Described(
        "cscd_converted_items_total",
        "Items that were converted, by the state that they were brought into.",
        _by_state(lambda source: source.totals.items),
        ("state",),
        counter=True,
    ),
    Described(
        "cscd_converted_bytes_total",
        "Bytes of content of the items that were converted.",
        _by_state(lambda source: source.totals.bytes),
        ("state",),
        counter=True,
    ),
    Described(
        "cscd_user_compliant",
        "1 if every item of the user is in the state of the cache, 0 if not, or not known to be.",
        _each(lambda user: float(not user.partial)),
        ("user",),
    ),
    Described(
        "cscd_user_sessions",
        "Open sessions of the user that count as a logon.",
        _each(lambda user: user.sessions),
        ("user",),
    ),
    Described(
        "cscd_user_items_right",
        "Items of the user in the state of the cache, as far as known.",
        _each(lambda user: user.right),
        ("user",),
    ),
    Described(
        "cscd_user_bytes_right",
        "Their bytes of content, as far as known.",
        _each(lambda user: user.right_bytes),
        ("user",),
    ),
    Described(
        "cscd_user_items_pending",
        "Items of the user that are tried again by themselves.",
        _each(lambda user: user.pending_items),
        ("user",),
    ),
    Described(
        "cscd_user_items_failed",
        "Items of the user that stay as they are until somebody does something about it.",
        _each(lambda user: user.failed_items),
        ("user",),
    ),
    Described(
        "cscd_user_roots_unwatched",
        "Directories of the user in which new files are only found by rechecks.",
        _each(lambda user: sum(root.state == "unwatched" for root in user.roots)),
        ("user",),
    ),
    Described(
        "cscd_user_last_pass_timestamp_seconds",
        "When the last pass over all items of the user ended, in seconds since 1970; none before it.",
        _last_passes,
        ("user",),
    ),
)
"""All of them, in the order of the file. `docs/metrics.md` lists them; a test compares."""
