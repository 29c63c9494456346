"""From the settings `logging` to the log of the service."""

import os
from collections.abc import Mapping

from cscd.config.settings import LoggingSettings
from cscd.errors import OutputError
from cscd.events.level import Level
from cscd.events.limit import Limits
from cscd.events.log import Log
from cscd.events.output import Destination, Form, opened
from cscd.events.sink import Sink


def log_of(settings: LoggingSettings, environment: Mapping[str, str]) -> Log:
    """Return a log. Raises OutputError where the file cannot be opened."""
    return Log([_sink(settings, environment)], Level.named(settings.level), _limits(settings))


def configure(log: Log, settings: LoggingSettings, environment: Mapping[str, str]) -> None:
    """Have a log go by other settings. Raises OutputError, and then it stays as it was."""
    log.configure([_sink(settings, environment)], Level.named(settings.level), _limits(settings))


def _sink(settings: LoggingSettings, environment: Mapping[str, str]) -> Sink:
    try:
        return opened(
            Destination(settings.destination), Form(settings.format), environment, file=settings.file
        )
    except OSError as error:
        raise OutputError(
            f"the log {settings.file} cannot be opened: {os.strerror(error.errno or 0)}"
        ) from error


def _limits(settings: LoggingSettings) -> Limits:
    return Limits(settings.rate_limit.burst, settings.rate_limit.interval / settings.rate_limit.burst)
