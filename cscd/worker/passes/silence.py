"""Keeping watchdog quiet: what it has to say is told anyway, or no help to a user."""

import logging
import warnings


def silence_watchdog() -> None:
    """Have its messages go nowhere; without a handler they would go to standard error.

    It logs overflows and watches that ended while they were read, and warns when a directory is watched anew.
    """
    logging.getLogger("watchdog").addHandler(logging.NullHandler())
    # By category alone: a pattern of its text would be compiled here, which costs more memory than the watch.
    warnings.simplefilter("ignore", RuntimeWarning)
