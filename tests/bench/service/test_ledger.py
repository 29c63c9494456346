"""Processes belong to the part of the service that their place below the daemon says."""

from bench.service import ledger
from bench.service.ledger import Use


def test_a_process_is_of_the_part_that_its_generation_is() -> None:
    """Whatever is below a resident's generation counts as one."""
    assert ledger.parts(1, {2: 1, 3: 2, 4: 2, 5: 3, 6: 4, 7: 5}) == {
        "daemon": [1],
        "fork server": [2],
        "residents": [3, 4, 5, 6, 7],
    }


def test_what_was_used_in_between_is_a_difference() -> None:
    """The processes are those that there are now."""
    assert Use(3, 5.0, 70).since(Use(2, 1.5, 50)) == Use(3, 3.5, 20)
    assert Use(3, 5.0, 70) + Use(1, 0.5, 5) == Use(4, 5.5, 75)
