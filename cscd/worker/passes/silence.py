"""Keeping watchdog quiet: what it has to say, that a watch ended while it was read, is no help to a user."""

import logging


def silence_watchdog() -> None:
    """Have its messages go nowhere; without a handler they would go to standard error."""
    logging.getLogger("watchdog").addHandler(logging.NullHandler())
