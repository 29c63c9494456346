"""Which state the cache shall be in: what the configuration sets, what was chosen, and who may choose.

The policy "Encrypt the Offline Files cache" of Windows has three settings, too: set to encrypted or to
unencrypted it overrides every call, and when it is taken back the cache stays as it is.
"""

from dataclasses import dataclass
from enum import Enum

from cscd.config.settings import Policy
from cscd.config.settings import State as StateName
from cscd.files.goal import State


class Verdict(Enum):
    """What is to be done with a call that wants the cache in some state."""

    CONVERGE = "it is in that state: everybody may have their own files brought there"
    ADMINISTRATOR = "it would change the state for all users: an administrator has to agree"
    DENIED = "the policy sets the other state, and no call overrides it"


@dataclass(frozen=True, slots=True)
class Standing:
    """What is in force, and what that changes."""

    policy: Policy
    state: State
    """The cache-wide encryption state."""
    chosen: State | None
    """What is to be remembered as chosen; None while nobody chose."""
    before: State | None
    """The state that was in force before; None at the first start, and where that was lost."""
    policy_before: Policy | None
    """The policy that was in force before; None as above."""

    @property
    def changed(self) -> bool:
        """Whether another state was in force before."""
        return self.before is not None and self.before is not self.state

    @property
    def policy_changed(self) -> bool:
        """Whether another policy was in force before."""
        return self.policy_before is not None and self.policy_before != self.policy


def in_force(
    policy: Policy,
    initial: StateName,
    *,
    chosen: State | None,
    before: State | None,
    policy_before: Policy | None,
) -> Standing:
    """Return what is in force by the configuration and by what is remembered.

    Args:
        policy: the setting `encryption.policy`.
        initial: the setting `encryption.initial_state`.
        chosen: the state that a call or a set policy chose last, None if nobody did or that was lost.
        before: the state that was in force last, None if that is not known.
        policy_before: the policy that was in force last, None if that is not known.
    """
    if policy != "user-controlled":
        # A set policy is a choice: the cache stays as it is when the policy is taken back.
        chosen = State(policy)
    return Standing(policy, chosen or State(initial), chosen, before, policy_before)


def verdict(policy: Policy, state: State, wanted: State) -> Verdict:
    """Return what is to be done with a call, by the policy and the state in force and the state it wants."""
    if wanted is state:
        return Verdict.CONVERGE
    return Verdict.ADMINISTRATOR if policy == "user-controlled" else Verdict.DENIED
