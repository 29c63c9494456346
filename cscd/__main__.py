"""``python -m cscd``: the same as the command ``cscd``."""

import sys

from cscd.cli.main import entry

if __name__ == "__main__":
    sys.exit(entry())
