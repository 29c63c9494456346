"""The policy: which state is in force, and who may change it. The tables are the specification."""

import itertools

import pytest

from cscd.config.settings import Policy
from cscd.config.settings import State as StateName
from cscd.daemon.state.policy import Verdict, in_force, verdict
from cscd.files.goal import State

E, U = State.ENCRYPTED, State.UNENCRYPTED

IN_FORCE: list[tuple[Policy, State | None, StateName, State, State | None]] = [
    # policy            chosen  initial_state   state  remembered as chosen
    ("encrypted", None, "encrypted", E, E),
    ("encrypted", None, "unencrypted", E, E),
    ("encrypted", E, "encrypted", E, E),
    ("encrypted", E, "unencrypted", E, E),
    ("encrypted", U, "encrypted", E, E),
    ("encrypted", U, "unencrypted", E, E),
    ("unencrypted", None, "encrypted", U, U),
    ("unencrypted", None, "unencrypted", U, U),
    ("unencrypted", E, "encrypted", U, U),
    ("unencrypted", E, "unencrypted", U, U),
    ("unencrypted", U, "encrypted", U, U),
    ("unencrypted", U, "unencrypted", U, U),
    ("user-controlled", None, "encrypted", E, None),
    ("user-controlled", None, "unencrypted", U, None),
    ("user-controlled", E, "encrypted", E, E),
    ("user-controlled", E, "unencrypted", E, E),
    ("user-controlled", U, "encrypted", U, U),
    ("user-controlled", U, "unencrypted", U, U),
]

VERDICTS: list[tuple[Policy, State, State, Verdict]] = [
    # policy            in force  wanted
    ("encrypted", E, E, Verdict.CONVERGE),
    ("encrypted", E, U, Verdict.DENIED),
    ("unencrypted", U, U, Verdict.CONVERGE),
    ("unencrypted", U, E, Verdict.DENIED),
    ("user-controlled", E, E, Verdict.CONVERGE),
    ("user-controlled", E, U, Verdict.ADMINISTRATOR),
    ("user-controlled", U, U, Verdict.CONVERGE),
    ("user-controlled", U, E, Verdict.ADMINISTRATOR),
]

POLICIES: tuple[Policy, ...] = ("encrypted", "unencrypted", "user-controlled")


@pytest.mark.parametrize("policy, chosen, initial, state, remembered", IN_FORCE)
def test_the_state_in_force(
    policy: Policy, chosen: State | None, initial: StateName, state: State, remembered: State | None
) -> None:
    """A set policy wins; else what was chosen; else the initial state, which is no choice."""
    standing = in_force(policy, initial, chosen=chosen, before=None, policy_before=None)
    assert (standing.state, standing.chosen, standing.policy) == (state, remembered, policy)


def test_the_table_is_whole() -> None:
    """Every combination is in it once."""
    every = itertools.product(POLICIES, (None, E, U), ("encrypted", "unencrypted"))
    assert [row[:3] for row in IN_FORCE] == list(every)


@pytest.mark.parametrize("policy, state, wanted, expected", VERDICTS)
def test_what_a_call_may(policy: Policy, state: State, wanted: State, expected: Verdict) -> None:
    """Converging is free, a set policy denies, and a change for everybody takes an administrator."""
    assert verdict(policy, state, wanted) is expected


@pytest.mark.parametrize(
    "before, policy, changed",
    [
        (None, "encrypted", False),
        (None, "unencrypted", False),
        (E, "encrypted", False),
        (E, "unencrypted", True),
        (U, "encrypted", True),
        (U, "unencrypted", False),
    ],
)
def test_a_change_is_one_of_what_was_in_force(before: State | None, policy: Policy, changed: bool) -> None:
    """At the first start, and where the record was lost, nothing has changed."""
    standing = in_force(policy, "encrypted", chosen=None, before=before, policy_before=None)
    assert (standing.before, standing.changed) == (before, changed)


@pytest.mark.parametrize("before", [None, *POLICIES])
@pytest.mark.parametrize("policy", POLICIES)
def test_a_policy_changes_when_another_one_was_in_force(before: Policy | None, policy: Policy) -> None:
    """Also where the state stays the same."""
    standing = in_force(policy, "encrypted", chosen=None, before=None, policy_before=before)
    assert standing.policy_changed is (before not in (None, policy))


def test_a_policy_that_is_taken_back_leaves_the_cache_as_it_is() -> None:
    """Its state was remembered as chosen."""
    first = in_force("unencrypted", "encrypted", chosen=None, before=None, policy_before=None)
    after = in_force(
        "user-controlled",
        "encrypted",
        chosen=first.chosen,
        before=first.state,
        policy_before=first.policy,
    )
    assert (after.state, after.changed, after.policy_changed) == (U, False, True)


def test_another_initial_state_counts_while_nobody_chose() -> None:
    """It is a change of the state then."""
    first = in_force("user-controlled", "encrypted", chosen=None, before=None, policy_before=None)
    after = in_force(
        "user-controlled",
        "unencrypted",
        chosen=first.chosen,
        before=first.state,
        policy_before=first.policy,
    )
    assert (after.state, after.changed) == (U, True)
