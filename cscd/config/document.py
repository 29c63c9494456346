"""The text of one configuration file as a tree: the part of YAML that a configuration needs, within bounds.

The events of PyYAML's parser are composed here, because its own composer takes the last of two equal keys,
follows aliases and recurses as deep as the file asks for. Anchors, aliases, tags and a second document are
errors: nothing here needs them, and they can make a small file a large one. Except for broken syntax, after
which nothing more can be said of a file, every problem is collected.
"""

import re
from collections.abc import Iterator
from typing import Final, Protocol

import yaml

from cscd.config.node import Entry, Mapping, Node, Scalar, Sequence
from cscd.config.problem import Place, Problem
from cscd.config.scalar import resolve

DEEPEST: Final = 16
"""Lists and sections within each other; the settings have three."""

MOST: Final = 20_000
"""Values in one file: a list of every user of a large site, parsed in a fraction of a second."""

_NO_CHARACTER: Final = re.compile(r"\\U(?!0010|000[0-9A-Fa-f])[0-9A-Fa-f]{8}")


class _Stop(Exception):  # noqa: N818 - no error of its own: what is wrong is in the list of problems
    """Nothing more can be said of this file."""


def parse(text: str, file: str) -> tuple[Mapping, list[Problem]]:
    """Return the tree of a file's text, and all that is wrong with it; the tree is what could be understood.

    An empty file, or one with only comments, is a section without keys.
    """
    composer = _Composer(file, text)
    try:
        root = composer.document()
    except _Stop:
        root = None
    except yaml.reader.ReaderError as error:
        composer.give_up(_place_at(file, text, error.position), "a character that YAML does not allow")
        root = None
    except yaml.MarkedYAMLError as error:
        composer.syntax(error)
        root = None
    except (ValueError, OverflowError):
        # PyYAML hands the number of an escape to chr() as it is.
        found = _NO_CHARACTER.search(text)
        place = _place_at(file, text, found.start()) if found else Place(file)
        composer.give_up(place, "no valid YAML: an escape that stands for no character")
        root = None
    return root or Mapping({}, Place(file, 1, 1)), composer.problems


class _Mark(Protocol):
    """A place as PyYAML has it, from either of its parsers; both count from 0."""

    line: int
    column: int


class _Composer:
    """Composes the tree of one file."""

    def __init__(self, file: str, text: str) -> None:
        self.problems: list[Problem] = []
        self._file = file
        self._text = text
        self._events: Iterator[yaml.Event] = yaml.parse(text, Loader=yaml.SafeLoader)
        self._path: list[str] = []
        self._count = 0

    def complain(self, place: Place, message: str) -> None:
        """Note what is wrong at a place."""
        self.problems.append(Problem(place, ".".join(self._path), message))

    def give_up(self, place: Place, message: str) -> None:
        """Note what no key can be blamed for, because the text cannot be read any further."""
        self._path.clear()
        self.complain(place, message)

    def syntax(self, error: yaml.MarkedYAMLError) -> None:
        """Note what the parser could not read."""
        mark = error.problem_mark or error.context_mark
        place = self._place(mark)
        tab = self._tab_before(place.line)
        if tab is not None:
            self.give_up(tab, "a tab, where YAML indents with spaces only")
            return
        context = f" ({error.context})" if error.context else ""
        self.give_up(place, f"no valid YAML: {error.problem}{context}")

    def document(self) -> Mapping | None:
        """Compose the one document."""
        next(self._events)  # the start of the stream
        if isinstance(next(self._events), yaml.StreamEndEvent):
            return None
        root = self._node(next(self._events), 0)
        next(self._events)  # the end of the document
        following = next(self._events)
        if not isinstance(following, yaml.StreamEndEvent):
            self.complain(self._start(following), "a second document: a configuration file holds one")
        if isinstance(root, Scalar) and root.value is None:
            return None
        if not isinstance(root, Mapping):
            self.complain(root.place, "expected sections such as `cache:`, with keys below them")
            return None
        return root

    def _node(self, event: yaml.Event, depth: int) -> Node:
        place = self._start(event)
        self._count += 1
        if depth > DEEPEST or self._count > MOST:
            limit = f"deeper than {DEEPEST} levels" if depth > DEEPEST else f"more than {MOST} values"
            self.complain(place, f"{limit}: this is no configuration of cscd")
            raise _Stop
        if isinstance(event, yaml.AliasEvent):
            self.complain(place, f"an alias (*{event.anchor}): write the value out")
            return Scalar(None, place)
        self._refuse_properties(event, place)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(place, depth)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(place, depth)
        if isinstance(event, yaml.ScalarEvent):
            plainly = event.style is None and event.tag is None
            return Scalar(resolve(event.value) if plainly else event.value, place)
        raise AssertionError(f"a parser gives no {event} here")

    def _refuse_properties(self, event: yaml.Event, place: Place) -> None:
        if getattr(event, "anchor", None) is not None:
            self.complain(place, f"an anchor (&{getattr(event, 'anchor', '')}): write the value out")
        tag = getattr(event, "tag", None)
        if tag is not None:
            self.complain(place, f"a tag ({tag}): the key decides what its value means")

    def _sequence(self, place: Place, depth: int) -> Sequence:
        items: list[Node] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(event, depth + 1))
        return Sequence(tuple(items), place)

    def _mapping(self, place: Place, depth: int) -> Mapping:
        entries: dict[str, Entry] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            start = self._start(event)
            key = self._key(self._node(event, depth + 1))
            self._path.append(key or "?")
            value = self._node(next(self._events), depth + 1)
            if key is not None and key in entries:
                self.complain(start, f"the same key again: it is in line {entries[key].place.line} already")
            elif key is not None:
                entries[key] = Entry(start, value)
            self._path.pop()
        return Mapping(entries, place)

    def _key(self, node: Node) -> str | None:
        """Return the key that a node is, None for one that no section has."""
        if isinstance(node, Scalar) and isinstance(node.value, str):
            return node.value
        self.complain(node.place, "expected a key, which is a word")
        return None

    def _tab_before(self, line: int) -> Place | None:
        """Return the first tab in the indentation of a line, up to the one where the parser gave up."""
        for number, content in enumerate(self._text.split("\n")[:line], 1):
            indentation = content[: len(content) - len(content.lstrip(" \t"))]
            if "\t" in indentation and content.strip() and not content.lstrip().startswith("#"):
                return Place(self._file, number, indentation.index("\t") + 1)
        return None

    def _start(self, event: yaml.Event) -> Place:
        return self._place(event.start_mark)

    def _place(self, mark: "_Mark | None") -> Place:
        return Place(self._file, mark.line + 1, mark.column + 1) if mark else Place(self._file)


def _place_at(file: str, text: str, position: int) -> Place:
    """Return the place of a character, counted from 0."""
    before = text[:position]
    return Place(file, before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1)
