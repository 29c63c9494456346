"""The objects as XML, for those who look around (D-Bus specification, "Introspection Data Format")."""

from collections.abc import Iterable, Iterator
from typing import Final
from xml.sax.saxutils import quoteattr

from cscd.daemon.dbus.interface import INTERFACES, PARENT_INTERFACES, PATH, Argument, Interface, Property

DOCTYPE: Final = (
    '<!DOCTYPE node PUBLIC "-//freedesktop//DTD D-BUS Object Introspection 1.0//EN"\n'
    ' "http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd">\n'
)


def introspection(path: str) -> str | None:
    """Return what is at a path, None if nothing is."""
    if path == PATH:
        return _document(_interfaces(INTERFACES))
    above = path.rstrip("/") + "/"
    if not PATH.startswith(above):
        return None
    child = PATH[len(above) :].split("/")[0]
    return _document([*_interfaces(PARENT_INTERFACES), f"  <node name={quoteattr(child)}/>"])


def description(interfaces: Iterable[Interface]) -> str:
    """Return the interfaces as a file below ``/usr/share/dbus-1/interfaces``."""
    return _document(_interfaces(interfaces))


def _document(lines: Iterable[str]) -> str:
    return "\n".join([DOCTYPE + "<node>", *lines, "</node>"]) + "\n"


def _interfaces(interfaces: Iterable[Interface]) -> Iterator[str]:
    for interface in interfaces:
        yield f"  <interface name={quoteattr(interface.name)}>"
        for method in interface.methods:
            yield from _element(
                "method", method.name, [*_arguments(method.takes, "in"), *_arguments(method.gives, "out")]
            )
        for signal in interface.signals:
            yield from _element("signal", signal.name, _arguments(signal.has))
        yield from map(_property, interface.properties)
        yield "  </interface>"


def _element(kind: str, name: str, inside: Iterable[str]) -> Iterator[str]:
    lines = list(inside)
    if not lines:
        yield f"    <{kind} name={quoteattr(name)}/>"
        return
    yield f"    <{kind} name={quoteattr(name)}>"
    yield from lines
    yield f"    </{kind}>"


def _arguments(arguments: Iterable[Argument], direction: str = "") -> Iterator[str]:
    way = f" direction={quoteattr(direction)}" if direction else ""
    for argument in arguments:
        yield f"      <arg name={quoteattr(argument.name)} type={quoteattr(argument.type)}{way}/>"


def _property(each: Property) -> str:
    return f'    <property name={quoteattr(each.name)} type={quoteattr(each.type)} access="read"/>'
