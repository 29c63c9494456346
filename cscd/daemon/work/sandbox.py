"""Whether the service's own sandbox hides a root of the cache, and which setting of the unit would show it.

systemd.exec(5) builds the sandbox of mounts, and the kernel's list of them (proc(5), mountinfo) tells of
each what the service cannot find out by looking: the daemon opens no path of a user's.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

MOUNTS: Final = "/proc/self/mountinfo"

_OCTAL: Final = re.compile(r"\\([0-7]{3})")
_INACCESSIBLE: Final = "/systemd/inaccessible/"
"""What ProtectHome=yes and InaccessiblePaths= mount in place of what they hide."""


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of the list."""

    point: str
    within: str
    """The path of the mounted directory within its filesystem."""
    read_only: bool
    """This mount is, whatever the filesystem is."""
    filesystem_read_only: bool
    kind: str


def hidden(roots: Iterable[str]) -> list[tuple[str, str]]:
    """Return those of the roots that the sandbox of this process hides, each with the setting it lacks."""
    with open(MOUNTS, encoding="utf-8", errors="surrogateescape") as file:
        mounted = mounts(file)
    return [(root, setting) for root in roots if (setting := missing_setting(root, mounted))]


def mounts(lines: Iterable[str]) -> list[Mount]:
    """Return the mounts in a list, in its order; lines that are none are left out."""
    return [mount for line in lines if (mount := _mount(line)) is not None]


def missing_setting(path: str, mounted: Iterable[Mount]) -> str:
    """Return the line of the unit that a root needs to be reached; "" if the sandbox does not hide it."""
    covering = [mount for mount in mounted if _covers(mount.point, path)]
    if not covering:
        return ""
    # Of two mounts at one point the later one hides the earlier.
    deepest = max(enumerate(covering), key=lambda each: (len(each[1].point), each[0]))[1]
    if _INACCESSIBLE in deepest.within:
        return "ProtectHome=no" if _is_home(deepest.point) else f"BindPaths={_quoted(path)}"
    if _is_home(deepest.point) and deepest.kind == "tmpfs" and deepest.read_only:
        return "ProtectHome=no"
    if deepest.read_only and not deepest.filesystem_read_only:
        return f"ReadWritePaths={_quoted(path)}"
    return ""


def _mount(line: str) -> Mount | None:
    parts = line.split()
    try:
        mark = parts.index("-", 6)
        within, point, options = (_plain(part) for part in parts[3:6])
        kind, _, super_options = parts[mark + 1 : mark + 4]
    except ValueError:
        return None
    return Mount(point, within, "ro" in options.split(","), "ro" in super_options.split(","), kind)


def _plain(text: str) -> str:
    """Undo the kernel's escapes for blanks and backslashes."""
    return _OCTAL.sub(lambda octal: chr(int(octal[1], 8)), text)


def _covers(point: str, path: str) -> bool:
    return path == point or path.startswith(point.rstrip("/") + "/")


def _is_home(point: str) -> bool:
    """Whether it is one of the directories that ProtectHome= is about."""
    return point in ("/home", "/root", "/run/user")


def _quoted(path: str) -> str:
    """Return a path as a unit file has it: specifiers start with %, blanks need quotes."""
    text = path.replace("\\", "\\\\").replace("%", "%%").replace('"', '\\"')
    return f'"{text}"' if re.search(r"[\s\"';\\]", path) else text
