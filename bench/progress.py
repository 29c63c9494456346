"""What a benchmark is doing, on stderr: stdout is for results."""

import sys


def say(*lines: str) -> None:
    """Print each line now."""
    for line in lines:
        print(line, file=sys.stderr, flush=True)
