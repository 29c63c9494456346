"""The command `cscd`: the console script, ready for Ctrl-C before anything is loaded.

All that takes time to load is imported by `cscd.cli.commands` and what that imports: from here, once an
interruption is expected.
"""

import os
import sys

CANCELLED = 4
"""The exit code of that name, in `cscd.cli.exitcodes`, which may not have been loaded yet."""


def entry() -> int:
    """Run the command line of this process and return its exit code."""
    try:
        from cscd.cli.commands import run  # noqa: PLC0415 - see above

        return run(sys.argv[1:])
    except KeyboardInterrupt:
        try:  # noqa: SIM105 - contextlib would have to be loaded
            os.write(2, b"cscd: interrupted\n")
        except OSError:
            pass
        return CANCELLED
