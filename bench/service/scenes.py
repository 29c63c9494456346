"""All scenes by name, and how large each is."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from bench import machine
from bench.result import Service
from bench.service import arrivals, cost, first, idle, stopping, storm
from bench.volume import GIB, MIB, Volume


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much of everything."""

    window: float = 600.0
    """Seconds for which the service is left alone."""
    idle_sessions: int = 20
    sessions: int = 500
    storm_users: int = 200
    storm_files: int = 200
    first_files: int = 10_000
    rounds: int = 3
    """Of what is timed once in each."""
    singles: int = 200
    burst: int = 5000
    largest: int = GIB
    """Bytes of the large file."""

    @classmethod
    def scaled(cls, scale: float, window: float) -> "Sizes":
        """The full sizes times `scale`."""
        full = cls()
        if scale == 1:
            return cls(window=window)

        def some(size: int, least: int) -> int:
            return max(least, round(scale * size))

        return cls(
            window=window,
            idle_sessions=some(full.idle_sessions, 2),
            sessions=some(full.sessions, 2),
            storm_users=some(full.storm_users, 2),
            first_files=some(full.first_files, 100),
            rounds=1,
            singles=some(full.singles, 10),
            burst=some(full.burst, 10),
            largest=some(full.largest, 64 * MIB),
        )

    @property
    def files(self) -> int:
        """The files of all scenes together, roughly."""
        users = self.idle_sessions + self.sessions + self.storm_users
        return users * self.storm_files + 2 * self.first_files + self.burst


def _idle(volume: Volume, sizes: Sizes) -> dict[str, Any]:
    return {"idle": tuple(idle.measure(volume, sessions=(0, sizes.idle_sessions), window=sizes.window))}


def _cost(volume: Volume, sizes: Sizes) -> dict[str, Any]:
    costs, logons = cost.measure(volume, sessions=sizes.sessions)
    return {"cost": tuple(costs), "logons": tuple(logons)}


def _storm(volume: Volume, sizes: Sizes) -> dict[str, Any]:
    return {"storm": storm.measure(volume, users=sizes.storm_users, files=sizes.storm_files)}


def _first(volume: Volume, sizes: Sizes) -> dict[str, Any]:
    return {"first": tuple(first.measure(volume, files=sizes.first_files, rounds=sizes.rounds))}


def _arrivals(volume: Volume, sizes: Sizes) -> dict[str, Any]:
    return {"arrivals": tuple(arrivals.measure(volume, singles=sizes.singles, burst=sizes.burst))}


def _stopping(volume: Volume, sizes: Sizes) -> dict[str, Any]:
    return {"stops": stopping.measure(volume, size=sizes.largest, rounds=sizes.rounds)}


SCENES: Final[Mapping[str, Callable[[Volume, Sizes], dict[str, Any]]]] = MappingProxyType(
    {
        "idle": _idle,
        "cost": _cost,
        "storm": _storm,
        "first": _first,
        "arrivals": _arrivals,
        "stopping": _stopping,
    }
)


def measure(volume: Volume, names: Sequence[str], sizes: Sizes) -> Service:
    """Play some scenes, one after another."""
    before = os.getloadavg()[0]
    found: dict[str, Any] = {}
    for name in names:
        found |= SCENES[name](volume, sizes)
    load = before, os.getloadavg()[0]
    return Service(machine=machine.describe(volume), load=load, **found)
