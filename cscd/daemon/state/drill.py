"""A recovery drill that somebody has held (``cscd keys recovery-drill``): logged, and remembered."""

import time

from cscd.daemon.state.cache import Cache
from cscd.daemon.state.disk import Disk
from cscd.daemon.state.records import DrillRecord
from cscd.daemon.telling.requests import AskDrill
from cscd.events.log import Log
from cscd.events.recovery import RecoveryDrillFailed, RecoveryDrillPassed


async def held(drill: AskDrill, cache: Cache, disk: Disk, log: Log) -> bool:
    """Log and remember a drill, if it was of a recovery key in force; returns whether it was.

    What another key opens says nothing about recovery.
    """
    if not set(drill.recipients) & set(cache.recovery):
        return False
    if drill.failed:
        event = RecoveryDrillFailed(
            items=drill.items, failed=drill.failed, path=drill.first, reason=drill.reason
        )
        log.emit(event)
    else:
        log.emit(RecoveryDrillPassed(items=drill.items))
    record = DrillRecord(time.time(), drill.items, drill.failed)
    await disk.do(lambda: cache.drilled(record))
    return True
