"""What is written from the interface on the bus: its description as XML, and tables of `docs/dbus.md`.

``python -m tests.daemon.manual`` writes them anew; a test fails while they differ.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from cscd.daemon.dbus.interface import (
    AGENT_INTERFACE,
    CACHE_INTERFACE,
    PROGRESS_INTERFACE,
    Argument,
    Interface,
)
from cscd.daemon.dbus.introspection import description
from cscd.daemon.encrypt.codes import Code
from cscd.daemon.encrypt.flags import Flag

ROOT = Path(__file__).parent.parent.parent
DESCRIPTION = ROOT / "systemd" / "org.cscd.OfflineFiles1.xml"
MANUAL = ROOT / "docs" / "dbus.md"

MEANINGS = MappingProxyType(
    {
        Flag.LOW_PRIORITY: "Reserved: accepted, and changes nothing.",
        Flag.ASYNC_PROGRESS: "Progress is told without waiting for the sink's answers.",
        Flag.INTERACTIVE: "The call may ask for a password, or for the passphrase of the key, in the "
        "desktop's dialog.",
        Flag.CONSOLE: "With Interactive: on the caller's terminal instead. Without it: nothing.",
        Flag.BACKGROUND: "An item that a program has open, or opens meanwhile, is left alone at once and "
        "tried again by the service. Without it openers wait for the conversion of an item, a moment, and an "
        "item that is open already is a sharing violation.",
    }
)


def described() -> str:
    """The description as it should be."""
    return description((CACHE_INTERFACE, PROGRESS_INTERFACE, AGENT_INTERFACE))


def renewed(text: str) -> str:
    """The page with its generated parts as they should be."""
    for name, part in _PARTS.items():
        head, rest = text.split(f"<!-- generated: {name} -->\n")
        tail = rest.split("<!-- end -->", 1)[1]
        body = "".join(f"{line}\n" for line in part())
        text = f"{head}<!-- generated: {name} -->\n{body}<!-- end -->{tail}"
    return text


def _interface() -> Iterator[str]:
    yield from _methods(CACHE_INTERFACE)
    yield ""
    yield "| Property | Type | |"
    yield "| --- | --- | --- |"
    for each in CACHE_INTERFACE.properties:
        yield f"| `{each.name}` | `{each.type}` | {each.meaning} |"
    yield ""
    yield "| Signal | Has | |"
    yield "| --- | --- | --- |"
    for signal in CACHE_INTERFACE.signals:
        yield f"| `{signal.name}` | {_arguments(signal.has)} | {signal.meaning} |"


def _sink() -> Iterator[str]:
    yield from _methods(PROGRESS_INTERFACE)


def _agent() -> Iterator[str]:
    yield from _methods(AGENT_INTERFACE)


def _methods(interface: Interface) -> Iterator[str]:
    yield "| Method | Takes | Gives | |"
    yield "| --- | --- | --- | --- |"
    for method in interface.methods:
        takes, gives = _arguments(method.takes), _arguments(method.gives)
        yield f"| `{method.name}` | {takes} | {gives} | {method.meaning} |"


def _arguments(arguments: Iterable[Argument]) -> str:
    return ", ".join(f"`{each.type}` {each.name}" for each in arguments)


def _flags() -> Iterator[str]:
    yield "| Bit | Name | |"
    yield "| --- | --- | --- |"
    for flag in Flag:
        yield f"| `{flag.value:#x}` | {flag.words[0]} | {MEANINGS[flag]} |"
    yield "| any other | | `ERROR_INVALID_PARAMETER`, and nothing is done. |"


def _codes() -> Iterator[str]:
    yield "| Code | Name | |"
    yield "| --- | --- | --- |"
    for code in Code:
        yield f"| {code.value} | `{code.label}` | {code.meaning[0].upper()}{code.meaning[1:]}. |"


_PARTS: Mapping[str, Callable[[], Iterator[str]]] = MappingProxyType(
    {"interface": _interface, "flags": _flags, "codes": _codes, "sink": _sink, "agent": _agent}
)

if __name__ == "__main__":
    DESCRIPTION.write_text(described(), encoding="utf-8")
    MANUAL.write_text(renewed(MANUAL.read_text(encoding="utf-8")), encoding="utf-8")
