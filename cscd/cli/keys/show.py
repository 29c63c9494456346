"""``cscd keys show``: which keys a user has, what opens them, and what they are needed for."""

import argparse
import os
import pwd
from collections.abc import Iterator
from typing import Final, Literal

from cscd.age import KeyRecipient, key_id
from cscd.cli import keyring
from cscd.cli.exitcodes import ExitCode
from cscd.cli.keys import answers, asking, change
from cscd.cli.keys.answers import KeptKey, KeptKeys
from cscd.cli.names import fitted, shown, wrapped
from cscd.cli.report import Count, Model
from cscd.cli.terminal import Style, Terminal
from cscd.errors import KeyFileError, NotRunningError
from cscd.files.name import Name
from cscd.keys import KeptIdentity

_LABEL: Final = 12
"""Columns of a label and the spaces after it."""
_OPENED_BY: Final = 36
"""Columns of the list of what opens a key."""


class KeyReport(Model):
    """One key pair."""

    recipient: str
    """The public half: age1…"""
    key_id: str
    """Names it in the files that are encrypted to it."""
    kept_by: Literal["service", "file"]
    """Who has the secret half: the service, or the user's own `identity_file`."""
    current: bool
    """Whether files are encrypted to it now; else it is kept for those that were."""
    retired: bool
    """Whether no file needs it any more; it is kept all the same."""
    protectors: tuple[str, ...]
    """What opens it, each of it alone: "machine", "passphrase"; none for one in a file."""
    work_factor: int | None
    """How much work a try at the passphrase is: the logarithm to the base of two that age writes; null
    without one."""
    items: Count | None
    """How many files are encrypted to it; null where that is not known."""


class KeysReport(Model):
    """What ``cscd keys show --json`` prints."""

    format: Literal[1]
    """The version of this object."""
    command: Literal["keys show"]
    """What it is the report of."""
    uid: Count
    """Whose keys these are."""
    state: answers.State | None
    """Whether the service can use the user's key now: "none" where it keeps none yet; null where there is no
    service."""
    identity_file: Name | None
    """Where the user keeps an identity of their own, which `cscd recheck` uses; null if there is none."""
    keys: tuple[KeyReport, ...]
    """Those in the file first, then those that the service keeps, in each the current one first."""


def define(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.description = (
        "Says which keys the service keeps for you, what opens them, and how many files are encrypted to"
        " each; and which identity you keep yourself, if you do. Nothing of it is secret: whoever has a"
        " recipient can encrypt files that you can read."
    )
    asking.add_user_option(parser)
    parser.add_argument(
        "--recipient",
        action="store_true",
        help="print nothing but the recipient that cscd recheck encrypts to, for scripts",
    )
    change.add_json_option(parser)


def run(arguments: argparse.Namespace, terminal: Terminal) -> ExitCode:
    """Print it. Raises ServiceError, and KeyFileError where there is no key."""
    uid = os.geteuid() if arguments.user is None else arguments.user
    found, path = keyring.look_for_kept() if uid == os.geteuid() else (None, "")
    try:
        kept = answers.kept_keys(asking.service(), asking.question("keys", arguments))
    except NotRunningError:
        if not found and path:
            raise KeyFileError(
                f"there is no service, and no identity is kept in {shown(path)} yet; the first `cscd recheck"
                " DIR` makes one"
            ) from None
        if not found:
            raise
        kept = None
    if arguments.json:
        terminal.print(_report(uid, found, kept).model_dump_json(indent=2))
    elif arguments.recipient:
        terminal.print(_recipient(found, kept))
    else:
        for line in _Words(terminal, uid).lines(found, kept):
            terminal.print(line)
    return ExitCode.OK


def _recipient(found: KeptIdentity | None, kept: KeptKeys | None) -> str:
    """Return the one to encrypt to. Raises KeyFileError where there is none yet."""
    if found:
        return str(found.identities[0].recipient)
    if kept and kept.current:
        return kept.current.recipient
    raise KeyFileError("the service keeps no key for you yet; it makes one when you log on")


def _report(uid: int, found: KeptIdentity | None, kept: KeptKeys | None) -> KeysReport:
    own = [identity.recipient for identity in found.identities] if found else []
    return KeysReport(
        format=1,
        command="keys show",
        uid=uid,
        state=kept.state if kept else None,
        identity_file=Name.of(found.file.path) if found else None,
        keys=(
            *(_own(recipient, current=not number) for number, recipient in enumerate(own)),
            *(
                KeyReport(kept_by="service", **key.model_dump(include=set(KeptKey.model_fields)))
                for key in (kept.keys if kept else ())
            ),
        ),
    )


def _own(recipient: KeyRecipient, *, current: bool) -> KeyReport:
    return KeyReport(
        recipient=str(recipient),
        key_id=key_id(recipient),
        kept_by="file",
        current=current,
        retired=False,
        protectors=(),
        work_factor=None,
        items=None,
    )


class _Words:
    """The lines about it."""

    def __init__(self, terminal: Terminal, uid: int) -> None:
        self._terminal = terminal
        self._uid = uid

    def lines(self, found: KeptIdentity | None, kept: KeptKeys | None) -> Iterator[str]:
        """Yield all of it."""
        if kept:
            yield from self._kept(kept)
        if kept and found:
            yield ""
        if found:
            yield from self._own(found)

    def _kept(self, kept: KeptKeys) -> Iterator[str]:
        styles = [Style.GREEN] if kept.state == "unlocked" else [Style.YELLOW]
        state = self._terminal.styled("no key yet" if kept.state == "none" else kept.state, *styles)
        yield f"{_whose(self._uid)}: {state}"
        if kept.keys:
            yield ""
            yield from self._table(kept.keys)
        if kept.current:
            yield ""
            yield from self._text("Recipient", kept.current.recipient)
        for advice in _advice(kept):
            yield ""
            yield from self._text("", advice)

    def _table(self, keys: tuple[KeptKey, ...]) -> Iterator[str]:
        yield f"  {'Key':<16}  {'Use':<7}  {'Opened by':<{_OPENED_BY}}  {'Files':>12}"
        for key in keys:
            use = "current" if key.current else "retired" if key.retired else "older"
            items = "" if key.items is None else f"{key.items:,}"
            yield f"  {key.key_id:<16}  {use:<7}  {_opened_by(key):<{_OPENED_BY}}  {items:>12}".rstrip()

    def _own(self, found: KeptIdentity) -> Iterator[str]:
        yield "Your own identity, which cscd recheck and cscd cat use first:"
        yield ""
        yield from self._text(
            "Kept in", fitted(shown(found.file.path), self._terminal.columns() - 2 - _LABEL)
        )
        for identity in found.identities:
            yield from self._text("Key", key_id(identity.recipient))
            yield from self._text("Recipient", str(identity.recipient))
        yield ""
        yield from self._text("", "Keep a copy of it in a safe place: without it nobody can read the files.")

    def _text(self, label: str, text: str) -> Iterator[str]:
        indent = 2 + (_LABEL if label else 0)
        for number, line in enumerate(wrapped(text, self._terminal.columns() - indent)):
            yield f"  {'' if number else label:<{indent - 2}}{line}".rstrip()


def _whose(uid: int) -> str:
    try:
        return f"{shown(pwd.getpwuid(uid).pw_name)}, uid {uid}"
    except KeyError:
        return f"uid {uid}"


def _opened_by(key: KeptKey) -> str:
    """List what opens a key, with the work of a try where that can be tried."""
    work = f" (work factor {key.work_factor})" if key.work_factor else ""
    listed = ", ".join(each + (work if each == "passphrase" else "") for each in key.protectors)
    return listed or "nothing that is left"


def _advice(kept: KeptKeys) -> Iterator[str]:
    """Yield what the person may want to do."""
    current = kept.current
    if kept.state == "none":
        yield "A key is made when you log on, or when you set a passphrase: cscd keys passphrase"
    if current and kept.state == "locked":
        machine = (
            " The machine key opens it, so that nothing is asked." if "machine" in current.protectors else ""
        )
        yield f"Encrypted files cannot be read before it is unlocked: cscd keys unlock.{machine}"
    older = sum(key.items or 0 for key in kept.keys if not key.current)
    if older:
        files = "1 file is" if older == 1 else f"{older:,} files are"
        yield f"{files} encrypted to an older key. For the new one: cscd unencrypt, cscd encrypt"
