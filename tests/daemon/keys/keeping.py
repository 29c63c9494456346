"""The service's keys around real holders: a fork server, a control socket, and clients who speak to it."""

import asyncio
import base64
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cscd.config import Settings
from cscd.daemon.keys.service import ServiceKeys
from cscd.daemon.logon.account import Account, Accounts
from cscd.daemon.telling.answers import ServiceAnswers
from cscd.daemon.telling.control import Control
from cscd.daemon.work.forkserver import ForkServer
from cscd.events.log import Log
from tests.daemon import statuses
from tests.daemon.peer import Kept
from tests.support.users import ALICE

DEADLINE = 60.0
WHO = Account("alice", ALICE.uid, ALICE.gid, "/home/alice", (ALICE.gid,))


class Known(Accounts):
    """A user database with Alice and root."""

    async def find(self, uid: int) -> Account | None:
        """Return the account."""
        return {WHO.uid: WHO, 0: Account("root", 0, 0, "/root", (0,))}.get(uid)

    async def named(self, name: str) -> Account | None:
        """Return the account."""
        return WHO if name == WHO.name else None


@dataclass
class World:
    """Keys in the service's care."""

    directory: Path
    keys: ServiceKeys
    server: ForkServer
    kept: Kept
    control: Control
    changed: list[tuple[int, str]] = field(default_factory=list)

    @property
    def socket(self) -> str:
        """The path of the control socket."""
        return str(self.directory / "control")

    @property
    def told(self) -> list[str]:
        """The names of the events so far."""
        return [record.event for record in self.kept.records]

    def last(self, event: str) -> dict[str, Any]:
        """Return the fields of the last event of a name."""
        return dict(next(each for each in reversed(self.kept.records) if each.event == event).fields)

    async def ask(self, ask: str, secrets: dict[str, bytes] | None = None, **more: Any) -> Any:  # noqa: ANN401 - JSON
        """Ask as root about Alice, send the secrets if some are wanted, and return the last line."""
        if ask != "logon":
            more = {"user": WHO.uid, **more}
        async with asyncio.timeout(DEADLINE):
            return await conversation(self.socket, {"ask": ask, **more}, secrets or {})

    async def state(self) -> str:
        """Return how Alice's key stands, as it is told."""
        return str((await self.ask("keys"))["answer"]["state"])


async def conversation(path: str, question: dict[str, Any], secrets: dict[str, bytes]) -> Any:  # noqa: ANN401 - JSON
    """Ask, send exactly what is wanted, and return what is said last."""
    reader, writer = await asyncio.open_unix_connection(path)
    try:
        writer.write(json.dumps(question).encode() + b"\n")
        said = json.loads(await reader.readline())
        if "secrets" in said:
            wanted = {name: base64.b64encode(secrets[name]).decode() for name in said["secrets"]}
            writer.write(json.dumps(wanted).encode() + b"\n")
            said = json.loads(await reader.readline())
        return said
    finally:
        writer.close()


@asynccontextmanager
async def keeping(directory: Path, *protectors: str) -> AsyncIterator[World]:
    """Have keys in the service's care, with these protectors for new ones, until the block ends."""
    kept = Kept()
    log = Log([kept])
    settings = Settings.model_validate(
        {
            "keys": {
                "protectors": protectors or ("machine",),
                "machine_key_file": str(directory / "machine.key"),
            }
        }
    )
    server = ForkServer(log)
    await server.start()
    keys = ServiceKeys(str(directory / "keys"), None, settings, log, server, Known())
    answers = ServiceAnswers(lambda _uid: statuses.poor(), keys, Known(), lambda: (), _no_drill)
    control = Control(str(directory / "control"), answers)
    world = World(directory, keys, server, kept, control)
    keys.on_change(lambda uid, trigger: world.changed.append((uid, trigger)))
    try:
        await keys.start()
        await control.start()
        yield world
    finally:
        await control.stop()
        await keys.stop()
        await server.stop()


async def _no_drill(_drill: object) -> bool:
    return False


def read_all(pipe: int | None) -> bytes:
    """Return what is in a pipe, which is closed; nothing without one."""
    if pipe is None:
        return b""
    with os.fdopen(pipe, "rb") as file:
        return file.read()
