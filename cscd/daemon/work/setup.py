"""From settings and an account to what a worker is told to work on."""

from cscd.config import Settings, expand
from cscd.daemon.logon.account import Account
from cscd.events.level import Level
from cscd.worker.messages import Setup


def roots_of(settings: Settings, account: Account) -> tuple[str, ...]:
    """Return the roots of a user's cache. Raises AccountError where name or home make no path."""
    paths = (
        expand(template, user=account.name, uid=account.uid, home=account.home)
        for template in settings.cache.roots
    )
    return tuple(dict.fromkeys(paths))


def setup_of(settings: Settings, account: Account, state_directory: str) -> Setup:
    """Return the setup of a user's worker. Raises AccountError."""
    enforcement = settings.enforcement
    return Setup(
        roots=roots_of(settings, account),
        include=settings.cache.include,
        exclude=settings.cache.exclude,
        leases_required=settings.encryption.leases == "required",
        state_directory=state_directory,
        retry_first=enforcement.retry.first,
        retry_longest=enforcement.retry.longest,
        io=enforcement.priority.io,
        nice=enforcement.priority.cpu,
        successes=Level.named(settings.logging.level) >= Level.DEBUG,
    )
