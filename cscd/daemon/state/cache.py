"""The cache-wide encryption state: which it is, what changes it, and whether every item known is in it."""

from collections.abc import Callable
from dataclasses import replace

from cscd.config.settings import EncryptionSettings, Policy
from cscd.daemon.state.database import Database
from cscd.daemon.state.policy import in_force
from cscd.daemon.state.records import CacheRecord, DrillRecord
from cscd.events.log import Log
from cscd.events.recovery import RecoveryChanged, RecoveryMissing
from cscd.events.state import EncryptionChanged, PolicyChanged, StateChanged
from cscd.files.goal import State


class Cache:
    """The cache of this computer."""

    def __init__(self, settings: EncryptionSettings, database: Database, log: Log) -> None:
        """Take what is remembered and what is configured; `apply` tells what that changes."""
        self._database = database
        self._log = log
        self.state = State(settings.initial_state)
        self.policy: Policy = settings.policy
        self.recovery: tuple[str, ...] = ()
        """Recovery recipients: in every file that is encrypted from now on."""
        self._listener: Callable[[State, bool, State, bool], None] = lambda *_: None
        self._told: tuple[State, bool] | None = None
        """State and partial as `encryption_changed` told them last."""
        self.partial = True
        """Whether some item known is not in the state, or is not known to be."""

    def apply(self, settings: EncryptionSettings) -> bool:
        """Put settings in force, durably, and tell what changes; returns whether the state does.

        Waits for the disk.
        """
        record = self._database.cache
        standing = in_force(
            settings.policy,
            settings.initial_state,
            chosen=record.chosen,
            before=record.state,
            policy_before=record.policy,
        )
        recipients = settings.recovery_recipients
        # A drill says nothing of other recipients than those that it was held with.
        drill = record.drill if record.recovery == recipients else None
        record_now = CacheRecord(standing.chosen, standing.state, standing.policy, recipients, drill)
        told = self._database.assume(record_now)
        self.state, self.policy, self.recovery = standing.state, standing.policy, recipients
        for event in told:
            self._log.emit(event)
        if standing.policy_changed:
            self._log.emit(PolicyChanged(before=standing.policy_before or "", after=standing.policy))
        if standing.changed:
            before = standing.before or standing.state
            self._log.emit(StateChanged(before=before.value, after=standing.state.value, reason="policy"))
        if record.recovery is not None and record.recovery != recipients:
            self._log.emit(RecoveryChanged(recipients=recipients))
        if self.without_recovery:
            self._log.emit(RecoveryMissing())
        return standing.changed

    def choose(self, state: State, caller: str) -> None:
        """Change the state, as a caller wants; durable when this returns, else nothing has changed.

        Waits for the disk. Raises DatabaseError.
        """
        before = self.state
        told = self._database.commit(CacheRecord(state, state, self.policy, self.recovery, self.drill))
        self.state = state
        for event in told:
            self._log.emit(event)
        self._log.emit(StateChanged(before=before.value, after=state.value, reason="call", caller=caller))
        if self.without_recovery:
            self._log.emit(RecoveryMissing())

    @property
    def drill(self) -> DrillRecord | None:
        """What came of the last drill with a key of the recovery recipients; None if there was none."""
        return self._database.cache.drill

    def drilled(self, drill: DrillRecord) -> None:
        """Remember a drill that was held with the key of a recovery recipient. Waits for the disk."""
        for event in self._database.assume(replace(self._database.cache, drill=drill)):
            self._log.emit(event)

    @property
    def without_recovery(self) -> bool:
        """Whether files are encrypted that nobody but their users could ever read."""
        return self.state is State.ENCRYPTED and not self.recovery

    def on_change(self, listener: Callable[[State, bool, State, bool], None]) -> None:
        """Have `listener` called with state and partial as they were and as they are, when they change."""
        self._listener = listener

    def judge(self, *, partial: bool) -> bool:
        """Take whether some item known is not in the state; tells when the answer has changed.

        Returns whether it has.
        """
        self.partial = partial
        told, now = self._told, (self.state, partial)
        if told == now:
            return False
        self._told = now
        if told is not None:
            self._listener(*told, *now)
            self._log.emit(
                EncryptionChanged(
                    was_encrypted=told[0] is State.ENCRYPTED,
                    was_partial=told[1],
                    is_encrypted=now[0] is State.ENCRYPTED,
                    is_partial=now[1],
                )
            )
        return True
