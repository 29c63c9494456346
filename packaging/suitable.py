"""Exits with 0 if this Python, whatever its version, can carry the service; else says why not.

The environment that `make install` makes stands on it, and every user's worker runs it: it must be new
enough, able to make environments, and within reach of everybody, which one in a home directory is not.
"""  # noqa: INP001 - a program, not a part of a package

import os
import stat
import sys


def complaint() -> str:
    """Return why not, or nothing."""
    if sys.version_info < (3, 11):  # noqa: UP036 - that is the question
        return "is older than 3.11"
    try:
        import ensurepip  # noqa: F401, PLC0415 - whether it is there is the question
        import venv  # noqa: F401, PLC0415
    except ImportError as error:
        return f"lacks {error.name} (Debian: apt-get install python3-venv)"
    hidden = out_of_reach(sys.executable) or out_of_reach(os.__file__)
    return f"is not within reach of other users: {hidden}" if hidden else ""


def out_of_reach(path: str) -> str:
    """Return the path, or a directory above it, if others may not read it or pass through it."""
    path = os.path.realpath(path)
    if not os.stat(path).st_mode & stat.S_IROTH:
        return path
    while path != "/":
        path = os.path.dirname(path)
        if not os.stat(path).st_mode & stat.S_IXOTH:
            return path
    return ""


if __name__ == "__main__":
    why_not = complaint()
    if why_not:
        sys.exit(f"{sys.executable} {why_not}")
