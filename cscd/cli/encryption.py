"""``cscd encrypt`` and ``cscd unencrypt``: call the service, show how far it is, say what came of it."""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Final, Literal

from cscd.cli import account
from cscd.cli.exitcodes import ExitCode, gravest
from cscd.cli.keyagent import KeyAgent
from cscd.cli.names import command_line
from cscd.cli.operation import Operation, Whose
from cscd.cli.pkttyagent import Pkttyagent
from cscd.cli.terminal import Terminal
from cscd.cli.verdict import CallReport, Came, EncryptReport, Words
from cscd.client import Cache, Code, Flag
from cscd.errors import NotRunningError
from cscd.files.goal import State

_ROOT: Final = 0
_VERBS: Final[dict[State, Literal["encrypt", "unencrypt"]]] = {
    State.ENCRYPTED: "encrypt",
    State.UNENCRYPTED: "unencrypt",
}


def define(parser: argparse.ArgumentParser, goal: State) -> None:
    """Add the arguments."""
    parser.description = (
        f"Has the service bring all your cached files into the state {goal}, which becomes that of the cache:"
        " new files follow it, and so do those of everybody else. To change the state takes an administrator,"
        " unless it is what the cache has already. A file is whole at every instant; what is interrupted is"
        " finished by repeating the command."
    )
    parser.add_argument(
        "--background",
        action="store_true",
        help="give way at once to programs that open a file meanwhile, and let the service try again later",
    )
    parser.add_argument(
        "--interactive",
        action="store_true",
        help="ask for an administrator's password or your key's passphrase if need be, in a desktop's dialog",
    )
    parser.add_argument("--console", action="store_true", help="ask on this terminal; implies --interactive")
    parser.add_argument(
        "--no-wait",
        action="store_true",
        help="return as soon as the service is at it; it goes on by itself",
    )
    whose = parser.add_mutually_exclusive_group()
    whose.add_argument("--user", metavar="USER", help="this user's files, by name or uid; administrators may")
    whose.add_argument(
        "--all-users", action="store_true", help="the files of everybody who is logged on; root may"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(goal: State, arguments: argparse.Namespace, terminal: Terminal) -> ExitCode:
    """Call the service and say what came of it. Raises ServiceError."""
    if problem := _problem(arguments):
        terminal.say(problem)
        return ExitCode.USAGE
    command = _Command(goal, arguments, terminal)
    with Pkttyagent(terminal) if arguments.console else nullcontext():
        try:
            return asyncio.run(command.run())
        except NotRunningError as error:
            raise NotRunningError(
                f"{error}. Without the service: cscd recheck --to {goal} DIR, for files of your own"
            ) from None


def _problem(arguments: argparse.Namespace) -> str:
    """Say what is wrong with the arguments, "" if nothing is."""
    root, meant = os.getuid() == _ROOT, _meant(arguments)
    if meant is None:
        return f"there is no user {arguments.user}"
    if arguments.all_users and not root:
        return "only root sees who is logged on, which --all-users takes: sudo cscd …"
    if arguments.no_wait and not root and not meant.own:
        return "only root sees how others' files are, which --no-wait takes: sudo cscd …"
    return ""


def _meant(arguments: argparse.Namespace) -> Whose | None:
    """Return whose files are meant: one's own unless a user is given; None if nobody is called that."""
    own = os.getuid()
    return (_user(str(own)) or Whose(own, str(own))) if arguments.user is None else _user(arguments.user)


def _user(text: str) -> Whose | None:
    """Return the user with a name or a uid."""
    found = account.find(text)
    return Whose(found.pw_uid, found.pw_name) if found else None


class _Command:
    """One command."""

    def __init__(self, goal: State, arguments: argparse.Namespace, terminal: Terminal) -> None:
        self._goal = goal
        self._arguments = arguments
        self._terminal = terminal
        self._flags = _flags(arguments)

    async def run(self) -> ExitCode:
        """Do it."""
        async with await Cache.connected() as cache, self._asking(cache):
            if self._arguments.all_users:
                return await self._all_users(cache)
            meant = _meant(self._arguments)
            return await self._work(cache, [meant] if meant else [])

    def _asking(self, cache: Cache) -> AbstractAsyncContextManager[None]:
        """Have us be asked for the passphrase of the key, where that may be."""
        if Flag.INTERACTIVE in self._flags and self._goal is State.UNENCRYPTED:
            return cache.asking(KeyAgent(os.environ))
        return nullcontext()

    async def _all_users(self, cache: Cache) -> ExitCode:
        """Change the state, by root's own call, which converts nothing; then call for everybody."""
        (changed,) = await self._operation(cache).wait([Whose(_ROOT, "root")])
        if changed.code is not Code.SUCCESS:
            return self._tell((changed,))
        users = changed.status.users if changed.status else ()
        whose = [Whose(user.uid, user.name) for user in users if user.uid != _ROOT]
        return await self._work(cache, whose)

    async def _work(self, cache: Cache, whose: Sequence[Whose]) -> ExitCode:
        if not self._arguments.no_wait:
            return self._tell(await self._operation(cache).wait(whose))
        came = [await self._operation(cache).hand_over(each) for each in whose]
        return self._tell(tuple(each for each in came if each), waited=all(came))

    def _operation(self, cache: Cache) -> Operation:
        return Operation(cache, self._goal, self._flags, self._terminal)

    def _tell(self, came: Sequence[Came], *, waited: bool = True) -> ExitCode:
        """Print what came of it."""
        code = gravest(each.exit for each in came)
        if self._arguments.json:
            self._terminal.print(self._report(came, code, waited=waited).model_dump_json(indent=2))
            return code
        repeat = command_line(["cscd", *sys.argv[1:]])
        for each in came:
            for line in Words(each, self._terminal, repeat).lines():
                self._terminal.print(line)
        if not waited:
            self._terminal.print(
                "The service is at it and goes on by itself; cscd status says how far it is."
            )
        elif not came:
            self._terminal.print(f"The cache is to be {self._goal}; nobody whose logon counts is logged on.")
        return code

    def _report(self, came: Sequence[Came], code: ExitCode, *, waited: bool) -> EncryptReport:
        return EncryptReport(
            command=_VERBS[self._goal],
            exit_code=code,
            outcome=code.name.lower(),
            waited=waited,
            calls=tuple(map(CallReport.of, came)),
        )


def _flags(arguments: argparse.Namespace) -> Flag:
    flags = Flag(0)
    if arguments.background:
        flags |= Flag.BACKGROUND
    if arguments.interactive or arguments.console:
        flags |= Flag.INTERACTIVE
    if arguments.console:
        flags |= Flag.CONSOLE
    return flags
