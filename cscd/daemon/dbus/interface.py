"""What is on the bus: names, methods, properties and the signal, as data.

The answers, the introspection and a table of the manual (`docs/dbus.md`) are made from it.
"""

from dataclasses import dataclass
from typing import Final

NAME: Final = "org.cscd.OfflineFiles1"
"""The service's name on the bus."""
PATH: Final = "/org/cscd/OfflineFiles1"
"""The one object."""
CACHE: Final = "org.cscd.OfflineFilesCache1"
"""The object's interface."""
PROGRESS: Final = "org.cscd.Progress1"
"""The interface of a caller's own object, which is told of progress."""
AGENT: Final = "org.cscd.OfflineFiles1.PassphraseAgent1"
"""The interface of a user's own object, which asks for the passphrase of the user's key."""

BUS: Final = "org.freedesktop.DBus"
"""The name and the interface of the bus itself; nobody else can have this name."""
BUS_PATH: Final = "/org/freedesktop/DBus"
INTROSPECTABLE: Final = "org.freedesktop.DBus.Introspectable"
PEER: Final = "org.freedesktop.DBus.Peer"
PROPERTIES: Final = "org.freedesktop.DBus.Properties"
"""The interfaces that the D-Bus specification has for every object."""


@dataclass(frozen=True, slots=True)
class Argument:
    """One value that a method takes or gives, or that a signal has."""

    name: str
    type: str
    """As in the D-Bus specification, "Type System"."""


@dataclass(frozen=True, slots=True)
class Method:
    """A method."""

    name: str
    takes: tuple[Argument, ...] = ()
    gives: tuple[Argument, ...] = ()
    meaning: str = ""
    """One sentence for the manual; "" for those of the D-Bus specification."""

    @property
    def signature(self) -> str:
        """The type of all that it takes."""
        return "".join(each.type for each in self.takes)

    @property
    def result(self) -> str:
        """The type of all that it gives."""
        return "".join(each.type for each in self.gives)


@dataclass(frozen=True, slots=True)
class Property:
    """A property; all of them can be read only, and tell when they change."""

    name: str
    type: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Signal:
    """A signal."""

    name: str
    has: tuple[Argument, ...]
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class Interface:
    """An interface of an object."""

    name: str
    methods: tuple[Method, ...] = ()
    properties: tuple[Property, ...] = ()
    signals: tuple[Signal, ...] = ()

    def method(self, name: str | None) -> Method | None:
        """Return the method of a name, None if there is none."""
        return next((method for method in self.methods if method.name == name), None)


_ENCRYPT: Final = Argument("encrypt", "b")
_FLAGS: Final = Argument("flags", "u")
_CODE: Final = Argument("code", "u")

CACHE_INTERFACE: Final = Interface(
    CACHE,
    (
        Method(
            "Encrypt",
            (_ENCRYPT, _FLAGS),
            (_CODE,),
            "Brings the caller's items into a state, which becomes that of the cache.",
        ),
        Method(
            "EncryptWithProgress",
            (_ENCRYPT, _FLAGS, Argument("sink", "o")),
            (_CODE,),
            "The same, and tells an object of the caller's how it goes.",
        ),
        Method("Cancel", (), (_CODE,), "Cancels what is under way for the caller's user."),
        Method(
            "GetEncryptionStatus",
            (),
            (Argument("encrypted", "b"), Argument("partial", "b")),
            "Tells the state of the cache, and whether items are not in it or not known to be.",
        ),
        Method(
            "GetStatus",
            (),
            (Argument("status", "s"),),
            "Gives what `cscd status --json` prints to the caller.",
        ),
        Method(
            "EncryptUser",
            (Argument("uid", "u"), _ENCRYPT, _FLAGS),
            (_CODE,),
            "Encrypt for another user's items, by an administrator.",
        ),
        Method(
            "RegisterPassphraseAgent",
            (Argument("agent", "o"),),
            (),
            "Has an object of the caller's ask for the passphrase of the key, until the caller leaves.",
        ),
    ),
    (
        Property("Active", "b", "Whether the service carries out calls and makes passes."),
        Property("Enabled", "b", "Whether there is a cache to take care of."),
        Property("Location", "s", "The first root of the cache, as the configuration has it."),
    ),
    (
        Signal(
            "EncryptionChanged",
            tuple(
                Argument(name, "b") for name in ("was_encrypted", "was_partial", "is_encrypted", "is_partial")
            ),
            "What GetEncryptionStatus answers has changed.",
        ),
    ),
)

PROGRESS_INTERFACE: Final = Interface(
    PROGRESS,
    (
        Method("Begin", (), (Argument("begin", "b"),), "It begins; false as an answer cancels it."),
        Method("ItemBegin", (Argument("path", "s"),), (Argument("answer", "u"),), "This item comes next."),
        Method(
            "ItemResult",
            (Argument("path", "s"), _CODE),
            (Argument("answer", "u"),),
            "This came of an item; retry as an answer tries it once more.",
        ),
        Method("QueryAbort", (), (Argument("abort", "b"),), "Whether to stop; true as an answer cancels."),
        Method("End", (_CODE,), (), "It is over, and this is what the call returns."),
    ),
)

AGENT_INTERFACE: Final = Interface(
    AGENT,
    (
        Method(
            "Unlock",
            (Argument("terminal", "b"),),
            (_CODE,),
            "Ask for the passphrase, on the caller's terminal or in a dialog, and unlock the key.",
        ),
        Method("Cancel", (), (), "Nobody waits for that any more: close the dialog."),
    ),
)

_STANDARD: Final = (
    Interface(
        PROPERTIES,
        (
            Method("Get", (Argument("interface", "s"), Argument("property", "s")), (Argument("value", "v"),)),
            Method("GetAll", (Argument("interface", "s"),), (Argument("properties", "a{sv}"),)),
            Method("Set", (Argument("interface", "s"), Argument("property", "s"), Argument("value", "v"))),
        ),
        signals=(
            Signal(
                "PropertiesChanged",
                (Argument("interface", "s"), Argument("changed", "a{sv}"), Argument("invalidated", "as")),
            ),
        ),
    ),
    Interface(INTROSPECTABLE, (Method("Introspect", (), (Argument("xml", "s"),)),)),
    Interface(PEER, (Method("Ping"), Method("GetMachineId", (), (Argument("machine", "s"),)))),
)

INTERFACES: Final = (CACHE_INTERFACE, *_STANDARD)
"""Of the object, in the order in which they are shown."""

PARENT_INTERFACES: Final = _STANDARD[1:]
"""Of the objects above it, which are there to be looked into."""
