"""The machine that a benchmark runs on, in the few facts that its numbers depend on."""

import datetime as dt
import os
import platform
from importlib import metadata

from bench import command
from bench.command import CommandError
from bench.result import Machine
from bench.volume import GIB, Volume

VERSION_COMMANDS = {
    "age": ["age", "--version"],
    "rclone": ["rclone", "version"],
    "gocryptfs": ["gocryptfs", "-version"],
    "coreutils": ["cp", "--version"],
    "findutils": ["find", "--version"],
}
"""How each program is asked for its version."""


def describe(volume: Volume) -> Machine:
    """This machine, today, with `volume` to measure on."""
    return Machine(
        date=dt.datetime.now(dt.UTC).date().isoformat(),
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)),
        memory_gib=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB),
        kernel=f"{platform.system()} {platform.release()} {platform.machine()}",
        filesystem=volume.description(),
        versions=_versions(),
    )


def _processor() -> str:
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for name in ("cscd", "cryptography", "pyrage"):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    for name, argv in VERSION_COMMANDS.items():
        try:
            versions[name] = _number(command.run(argv))
        except CommandError:
            continue
    return versions


def _number(text: str) -> str:
    """The first word of the first line that looks like a version."""
    line = text.partition("\n")[0].replace(";", " ")
    return next((word for word in line.split() if any(letter.isdigit() for letter in word)), line)
