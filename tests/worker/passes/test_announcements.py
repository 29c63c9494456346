"""What is told of items without waiting: in order, in pairs, the last ones always, and never too much."""

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from cscd.worker.keeping.reports import Said, Word
from cscd.worker.passes.announcements import Announcements

PATHS = [lambda number: f"/cache/{number}", lambda number: f"/cache/{number}/" + "\udcff" * 3000]


@dataclass
class Heard:
    """What was told, and a clock that a test turns."""

    now: float = 0.0
    cost: float = 0.0
    """What the daemon counts for all of it: each message, and each KiB."""
    words: list[Word] = field(default_factory=list)
    announcements: Announcements = field(init=False)

    def __post_init__(self) -> None:
        self.announcements = Announcements(self.hear, lambda: self.now)

    def hear(self, said: Said) -> None:
        """Take what is told."""
        self.words += said.words
        self.cost += sum(1 + (len(json.dumps(word.path)) + 120) / 1024 for word in said.words)


def paired(words: list[Word]) -> list[int]:
    """Check that each beginning has its end, and return the numbers in the order of the beginnings."""
    begun = [word.number for word in words if word.reason is None]
    ended = [word.number for word in words if word.reason is not None]
    assert sorted(begun) == sorted(ended)
    assert len(set(begun)) == len(begun)
    paths: dict[int, str] = {}
    for word in words:
        if word.reason is None:
            paths[word.number] = word.path
        else:
            assert paths[word.number] == word.path
    return begun


def test_what_is_little_is_told_as_it_comes() -> None:
    """Each item in a pair, with the reason where there is one."""
    heard = Heard()
    for number, reason in enumerate(["", "open_elsewhere", ""], 1):
        heard.announcements.ends(f"/{number}", reason)
        heard.announcements.trickle()
        assert heard.words[-2:] == [Word(number, f"/{number}"), Word(number, f"/{number}", reason)]
    heard.announcements.finish()
    assert paired(heard.words) == [1, 2, 3]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("rate", [100, 2_000, 50_000])
def test_what_is_over_is_missing_from_the_middle(path: Callable[[int], str], rate: int) -> None:
    """The first and the last are told, the order is kept, and the daemon's measure is never exceeded."""
    heard = Heard()
    most = 20 * rate if rate < 5_000 else 100_000
    for number in range(1, most + 1):
        heard.announcements.ends(path(number), "")
        if number % max(1, rate // 50) == 0:
            heard.now = number / rate
            heard.announcements.trickle()
            assert heard.cost <= 1_100 + 550 * heard.now
    heard.announcements.finish()
    numbers = paired(heard.words)
    assert numbers == sorted(numbers)
    assert (numbers[0], numbers[-1]) == (1, most)
    last = itertools.takewhile(
        lambda pair: pair[0] == pair[1], zip(reversed(numbers), itertools.count(most, -1))
    )
    assert len(list(last)) >= 20
    assert heard.cost <= 2_200 + 550 * heard.now


def test_a_large_item_is_told_when_it_begins() -> None:
    """Others may begin and end meanwhile."""
    heard = Heard()
    heard.announcements.begins("/large")
    heard.announcements.begins("/large")
    heard.announcements.trickle()
    assert heard.words == [Word(1, "/large")]
    heard.announcements.ends("/small", "")
    heard.announcements.ends("/large", "no_space")
    heard.announcements.trickle()
    assert heard.words[1:] == [Word(2, "/small"), Word(2, "/small", ""), Word(1, "/large", "no_space")]


def test_the_end_of_what_has_begun_is_told_whatever_else_comes() -> None:
    """A beginning without an end, or the other way round, would keep whoever shows it waiting."""
    heard = Heard()
    for number in range(20_000):
        if number % 7 == 0:
            heard.announcements.begins(f"/{number}")
        if number % 100 == 0:
            heard.now += 0.01
            heard.announcements.trickle()
        if number >= 7:
            heard.announcements.ends(f"/{number - 7}", "")
    for number in range(20_000 - 7, 20_000):
        heard.announcements.ends(f"/{number}", "")
    heard.announcements.finish()
    assert paired(heard.words)[0] == 1
    assert max(word.number for word in heard.words) == 20_000
