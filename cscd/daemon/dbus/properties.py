"""The object's properties, by the interface that the D-Bus specification has for them."""

from dbus_fast import ErrorType, Message, Variant

from cscd.daemon.dbus.interface import CACHE, CACHE_INTERFACE, INTERFACES, PATH, PROPERTIES
from cscd.daemon.dbus.refusal import Refusal
from cscd.daemon.encrypt.calls import Facts


def values(facts: Facts) -> dict[str, Variant]:
    """Return all properties."""
    found = {"Active": facts.active, "Enabled": facts.enabled, "Location": facts.location}
    return {each.name: Variant(each.type, found[each.name]) for each in CACHE_INTERFACE.properties}


def get(facts: Facts, interface: str, name: str) -> Variant:
    """Return one. Raises `Refusal`."""
    found = get_all(facts, interface or CACHE)  # "" means whichever has it
    if name not in found:
        raise Refusal(ErrorType.UNKNOWN_PROPERTY, f"there is no property {name[:64]}; GetAll has them all")
    return found[name]


def get_all(facts: Facts, interface: str) -> dict[str, Variant]:
    """Return all of an interface. Raises `Refusal`."""
    if interface not in {each.name for each in INTERFACES}:
        raise Refusal(ErrorType.UNKNOWN_INTERFACE, f"the object has no interface {interface[:64]}")
    return values(facts) if interface == CACHE else {}


def read_only() -> Refusal:
    """Return the answer to whoever wants to set one."""
    return Refusal(
        ErrorType.PROPERTY_READ_ONLY,
        "properties can only be read: Encrypt changes the state, and the configuration the rest",
    )


def changed(before: Facts, after: Facts) -> Message | None:
    """Return the signal that tells what changed, None if nothing did."""
    old = values(before)
    new = {name: value for name, value in values(after).items() if value.value != old[name].value}
    if not new:
        return None
    return Message.new_signal(PATH, PROPERTIES, "PropertiesChanged", "sa{sv}as", [CACHE, new, []])
