"""A pass or a recovery run in the foreground of a command: followed, interruptible, and its end kept."""

import time

from cscd.cli.finished import Finished
from cscd.cli.interrupts import Interrupts
from cscd.cli.progress import Progress
from cscd.errors import BusyError, WorkersDiedError
from cscd.worker.passes.recheck import Pass
from cscd.worker.passes.recovery import Recovery


def finish(path: str, running: Pass | Recovery, progress: Progress, interrupts: Interrupts) -> Finished:
    """Run it, unless somebody asked to stop before; what is wrong with this one does not stop the next."""
    finished = Finished(path)
    if interrupts.requested:
        finished.stopped = True
        return finished
    interrupts.watch(running)
    begun = time.monotonic()
    finished.tally = running.tally
    try:
        running.run()
    except (BusyError, WorkersDiedError, OSError) as error:
        finished.error = error
    finally:
        progress.close()
    finished.begun = not isinstance(finished.error, BusyError)
    finished.seconds = time.monotonic() - begun
    finished.stopped = running.stopped
    return finished
