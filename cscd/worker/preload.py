"""Loading everything that a worker will ever need, and using it once.

A worker cannot import: the interpreter may lie where its user cannot read, and what is imported after the
fork is memory of its own. Much of what is imported loads more, or builds tables, when it is first used:
codecs, pydantic's models, the library behind cryptography. So it is used here.
"""

import codecs
import contextlib
import io
import multiprocessing
import traceback
from typing import Final

from cscd.age import X25519Identity, decrypt_stream, encrypt_stream
from cscd.errors import MessageError
from cscd.files.goal import State
from cscd.worker.channel import encoded, from_daemon, from_worker
from cscd.worker.keeping import resident
from cscd.worker.messages import Message, PassEnded, Ready, Setup, StartPass
from cscd.worker.passes import closing, converter, recheck

_CODECS: Final = ("ascii", "latin-1", "utf-8", "utf-16", "idna", "unicode_escape", "raw_unicode_escape")
_NAME: Final = "0"

LOADED: Final = (resident, recheck, converter, closing)
"""What workers and the processes that they fork consist of."""


def warm() -> None:
    """Use once what loads more when it is used."""
    for name in _CODECS:
        codecs.lookup(name)
    _exchange_messages()
    _encrypt()
    _pickle()
    with contextlib.suppress(ValueError):
        raise ValueError
    traceback.format_exception(ValueError())


def _exchange_messages() -> None:
    setup = Setup(roots=("/",), state_directory="/", retry_first=1.0, retry_longest=1.0, io="idle", nice=0)
    start = StartPass(pass_id=_NAME, scope="all", goal=State.ENCRYPTED)
    ended = PassEnded(pass_id=_NAME, complete=True, partial=False, stopped=False)
    told: tuple[Message, ...] = (setup, start, ended, Ready())
    for message in told:
        for decode in (from_daemon, from_worker):
            with contextlib.suppress(MessageError):  # half of them go the other way
                decode(encoded(message))


def _encrypt() -> None:
    identity = X25519Identity.generate()
    sealed, opened = io.BytesIO(), io.BytesIO()
    encrypt_stream(io.BytesIO(b"."), sealed, [identity.recipient], keep_going=lambda: True)
    sealed.seek(0)
    decrypt_stream(sealed, opened, [identity], keep_going=lambda: True)


def _pickle() -> None:
    one, other = multiprocessing.Pipe()
    with one, other:
        one.send(State.ENCRYPTED)
        other.recv()
