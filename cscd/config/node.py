"""A configuration file as a tree in which every value knows its place, and laying one tree over another."""

from collections.abc import Iterator
from dataclasses import dataclass

from cscd.config.problem import Place

Plain = None | bool | int | float | str
"""What a single value can be."""


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value."""

    value: Plain
    place: Place


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    items: tuple["Node", ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Entry:
    """A key and its value."""

    place: Place
    """Of the key."""
    node: "Node"


@dataclass(frozen=True, slots=True)
class Mapping:
    """A section: keys with values, in the order in which they are written."""

    entries: dict[str, Entry]
    place: Place


Node = Scalar | Sequence | Mapping


def plain(node: Node) -> object:
    """Return the value without its places: dict, tuple and single values."""
    if isinstance(node, Mapping):
        return {key: plain(entry.node) for key, entry in node.entries.items()}
    if isinstance(node, Sequence):
        return tuple(plain(item) for item in node.items)
    return node.value


def merged(lower: Mapping, upper: Mapping) -> Mapping:
    """Lay one section over another: sections are merged key by key, everything else replaces what was there.

    A section with nothing in it, as when every key in it is commented out, changes nothing.
    """
    entries = dict(lower.entries)
    for key, entry in upper.entries.items():
        below = entries.get(key)
        if below is not None and isinstance(below.node, Mapping):
            if isinstance(entry.node, Scalar) and entry.node.value is None:
                continue
            if isinstance(entry.node, Mapping):
                entries[key] = Entry(entry.place, merged(below.node, entry.node))
                continue
        entries[key] = entry
    return Mapping(entries, upper.place)


def locate(node: Node, path: tuple[str | int, ...]) -> Place:
    """Return the place of the value at a path, or of the closest one around it that is written down."""
    for step in path:
        if isinstance(node, Mapping) and step in node.entries:
            node = node.entries[str(step)].node
        elif isinstance(node, Sequence) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
        else:
            break
    return node.place


def locate_key(tree: Mapping, path: tuple[str | int, ...]) -> Place:
    """Return the place of the key at the end of a path, rather than that of its value."""
    node = tree
    for step in path[:-1]:
        inner = node.entries.get(str(step))
        if inner is None or not isinstance(inner.node, Mapping):
            return locate(tree, path)
        node = inner.node
    entry = node.entries.get(str(path[-1])) if path else None
    return entry.place if entry else node.place


def items(node: Node, path: tuple[str, ...]) -> Iterator[Scalar]:
    """Yield the single values in the list at a path; none where there is no list."""
    for step in path:
        if not isinstance(node, Mapping) or step not in node.entries:
            return
        node = node.entries[step].node
    if isinstance(node, Sequence):
        yield from (item for item in node.items if isinstance(item, Scalar))


def leaves(node: Mapping, prefix: str = "") -> Iterator[tuple[str, Place]]:
    """Yield the dotted name of every key that is no section, and the place of its value."""
    for key, entry in node.entries.items():
        if isinstance(entry.node, Mapping):
            yield from leaves(entry.node, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", entry.node.place
