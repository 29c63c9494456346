"""Where the cached files of this computer are: of everybody for root, of oneself for anybody else."""

import os
import pwd
from collections.abc import Iterator

from cscd.cli.config import checks
from cscd.cli.service import Service
from cscd.cli.terminal import Terminal
from cscd.config import Settings, expand, load, source
from cscd.errors import AccountError, CscdError, TargetError
from cscd.files.tree import Tree


def cache_roots(terminal: Terminal) -> list[str]:
    """Return the roots that are there: as configured, and as the service has them if it is running.

    One that cannot be worked on is told: no pass works on it, either. Raises ConfigError, and TargetError
    where there is none.
    """
    settings = load(source(None), checks()).settings
    accounts = _everybody(settings) if os.geteuid() == 0 else iter([pwd.getpwuid(os.geteuid())])
    configured = (root for account in accounts for root in _roots(settings, account))
    candidates = dict.fromkeys((*configured, *_in_service()))
    found = [path for path in candidates if os.path.lexists(path) and _is_usable(path, terminal)]
    if not found:
        raise TargetError(
            "no root of anybody's cache is there; name directories: cscd keys recovery-drill … PATH"
        )
    return found


def _everybody(settings: Settings) -> Iterator[pwd.struct_passwd]:
    """Yield the accounts that the user database lists; a directory service may list none."""
    return (account for account in pwd.getpwall() if account.pw_uid >= settings.sessions.min_uid)


def _roots(settings: Settings, account: pwd.struct_passwd) -> Iterator[str]:
    for template in settings.cache.roots:
        try:
            yield expand(template, user=account.pw_name, uid=account.pw_uid, home=account.pw_dir)
        except AccountError:
            continue  # an account that can have no cache


def _in_service() -> list[str]:
    """Return the roots of those who are logged on, as far as the service tells us."""
    try:
        users = Service(os.environ).ask({"ask": "status"})["users"]
        return [_path(root["path"]) for user in users for root in user["roots"]]
    except (CscdError, OSError, KeyError, TypeError, ValueError):
        return []


def _path(name: dict[str, str]) -> str:
    from cscd.files.name import Name  # noqa: PLC0415 - only where there is an answer to be understood

    return Name.model_validate(name).path


def _is_usable(path: str, terminal: Terminal) -> bool:
    try:
        Tree.open(path).close()
    except TargetError as error:
        terminal.say(f"left out: {error}")
        return False
    return True
