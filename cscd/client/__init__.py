"""The service for programs: a typed client, on the bus, for asyncio.

::

    async with await Cache.connected() as cache:
        code = await cache.encrypt(State.ENCRYPTED, Flag.BACKGROUND)
        if code is not Code.SUCCESS:
            print(code.label, code.meaning)

=========  ===========================================================================================
`cache`    calls, properties and the signal: the one class that a program needs
`agent`    asking a person for the passphrase of their key
`sink`     being told of each item, and having a say in it
`facts`    what is answered, as frozen values
`link`     the connection, and what errors of the bus mean
=========  ===========================================================================================

What comes of a call is a `Code`, never an exception. Exceptions say that there was no answer:
`cscd.errors.NotRunningError` where there is no service or no bus, `ServiceRefusedError` where it has no
time for us, `ServiceError` for what else it may say; each names what to do.
"""

from cscd.client.agent import PassphraseAgent
from cscd.client.cache import Cache
from cscd.client.facts import Change, Encryption, Properties
from cscd.client.sink import Sink
from cscd.daemon.encrypt.calls import Answer
from cscd.daemon.encrypt.codes import Code
from cscd.daemon.encrypt.flags import Flag
from cscd.files.goal import State

__all__ = [
    "Answer",
    "Cache",
    "Change",
    "Code",
    "Encryption",
    "Flag",
    "PassphraseAgent",
    "Properties",
    "Sink",
    "State",
]
