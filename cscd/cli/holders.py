"""Who has an item open, as a phrase for people."""

from cscd.cli.names import harmless
from cscd.files.outcome import Result


def holder(result: Result) -> str:
    """Name the processes that have an item open: ``vim (pid 123)``; "" if none is known."""
    names = [f"{harmless(each.command)} (pid {each.pid})" for each in result.holders]
    if len(names) > 2:  # noqa: PLR2004 - more would not fit beside a file's name
        return f"{names[0]} and {len(names) - 1} more"
    return " and ".join(names)


def because(result: Result) -> str:
    """Say why an item is not done, with its holder if that is known."""
    who = holder(result)
    if who:
        return f"open in {who}"
    return result.reason.meaning if result.reason else ""
