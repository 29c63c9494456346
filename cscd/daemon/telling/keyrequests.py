"""What may be asked of users' keys over the control socket.

::

    {"ask": "keys"}                          {"answer": {"uid": 1000, "state": "unlocked", "keys": [{…}], …}}
    {"ask": "lock"}                          {"answer": {"key_id": "…", "opens_without_asking": true}}
    {"ask": "unlock"}                        {"answer": {"key_id": "…", "protector": "passphrase"}}
    {"ask": "passphrase"}                    {"answer": {"key_id": "…", "work_factor": 18, …}}
    {"ask": "protect", "protector": "machine"}
    {"ask": "unprotect", "protector": "machine"}
    {"ask": "rotate"}                        {"answer": {"key_id": "…", "before": "…", "protectors": […]}}
    {"ask": "export"}                        {"answer": {"identities": "…"}}
    {"ask": "import"}                        {"answer": {"key_id": "…", "before": "…", "new": true, …}}
    {"ask": "unwrap", "stanzas": [{"args": ["X25519", "XEl0dJ6y…"], "body": "qRS0AMjd…"}]}
    {"ask": "logon", "stage": "auth", "name": "alice"}

`user`, a uid, makes it another user's keys, and is for root. `logon` is for cscd-pam, which is root.

A question may take secrets. They are never in it: the answer is first which are wanted, and only then they
are sent, within five seconds, on one line::

    {"secrets": ["passphrase", "new"]}
    {"passphrase": "BASE64", "new": "BASE64"}

Then comes the answer proper, within half a minute, for a passphrase takes a second to try and there may be
many keys. Who has yet to ask a person closes the connection, asks, and puts the question again. From the
question on the connection is in the hands of a holder (`cscd.worker.holder`): what a client sends before it
is asked to would be read by the daemon itself, which wants to know no secret.
"""

import base64
import binascii
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator

from cscd.daemon.telling.asked import Asked
from cscd.worker.holder.messages import MOST_STANZAS, Argument, Body, Shown, Uid


class AboutUser(Asked):
    """A question about one user's keys."""

    user: Uid | None = None
    """Whose, for root; without it the asker's own."""


class AskKeys(AboutUser):
    """Which keys are there, and what opens them?"""

    ask: Literal["keys"]


class AskLock(AboutUser):
    """Forget the identities."""

    ask: Literal["lock"]


class AskUnlock(AboutUser):
    """Have the identities at hand."""

    ask: Literal["unlock"]


class AskPassphrase(AboutUser):
    """Have a passphrase open the keys, or another one."""

    ask: Literal["passphrase"]


class AskProtect(AboutUser):
    """Have the machine key open the keys, too."""

    ask: Literal["protect"]
    protector: Literal["machine"]


class AskUnprotect(AboutUser):
    """Have something open the keys no more."""

    ask: Literal["unprotect"]
    protector: Literal["machine", "passphrase"]


class AskRotate(AboutUser):
    """Make a new key."""

    ask: Literal["rotate"]


class AskExport(AboutUser):
    """Show the identities."""

    ask: Literal["export"]


class AskImport(AboutUser):
    """Take over an identity."""

    ask: Literal["import"]


class AskedStanza(Asked):
    """One stanza of the header of an age file."""

    args: Annotated[tuple[Argument, ...], Field(min_length=1, max_length=8, strict=False)]
    """The first is its type."""
    body: Body
    """In Base64 (RFC 4648)."""

    @field_validator("body")
    @classmethod
    def _decodable(cls, body: str) -> str:
        try:
            base64.b64decode(body, validate=True)
        except binascii.Error:
            raise ValueError("not Base64") from None
        return body

    def shown(self) -> Shown:
        """Return it as a holder takes it."""
        return Shown(args=self.args, body=self.body)


class AskUnwrap(AboutUser):
    """What is the file key that these stanzas wrap for me?"""

    ask: Literal["unwrap"]
    stanzas: Annotated[tuple[AskedStanza, ...], Field(min_length=1, max_length=MOST_STANZAS, strict=False)]


class AskLogon(Asked):
    """Take the logon password, which is right."""

    ask: Literal["logon"]
    stage: Literal["auth", "password"]
    """Of a logon, or of a change of the password."""
    name: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    """The user's."""


KeyQuestion = (
    AskKeys
    | AskLock
    | AskUnlock
    | AskPassphrase
    | AskProtect
    | AskUnprotect
    | AskRotate
    | AskExport
    | AskImport
    | AskUnwrap
    | AskLogon
)
