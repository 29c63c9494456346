"""Writing the metrics from time to time, as long as the settings say so."""

import asyncio
from collections.abc import Callable
from functools import partial

from cscd.config.settings import MetricsSettings
from cscd.daemon.state.disk import Disk
from cscd.daemon.telling import metrics
from cscd.daemon.telling.status import Status
from cscd.daemon.telling.totals import Totals
from cscd.events.log import Log
from cscd.events.service import MetricsFailed


class Measures:
    """The file with the metrics, kept up to date."""

    def __init__(
        self, settings: MetricsSettings, status: Callable[[], Status], totals: Totals, disk: Disk, log: Log
    ) -> None:
        """Take what is written and who writes; nothing runs yet."""
        self._settings = settings
        self._status = status
        self._totals = totals
        self._disk = disk
        self._log = log
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to write, if the settings say so."""
        if self._settings.enabled:
            self._task = asyncio.get_running_loop().create_task(self._run(), name="metrics")

    async def change(self, settings: MetricsSettings) -> None:
        """Go by other settings."""
        await self.stop()
        self._settings = settings
        self.start()

    async def stop(self) -> None:
        """Write no more, and remove the file: what it says is not so any longer."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = None
        path = self._settings.textfile
        await self._tell(path, partial(metrics.remove, path))

    async def _run(self) -> None:
        path = self._settings.textfile
        while True:
            status, totals = self._status(), self._totals.copy()
            await self._tell(path, partial(metrics.write, path, status, totals))
            await asyncio.sleep(self._settings.interval)

    async def _tell(self, path: str, work: Callable[[], None]) -> None:
        try:
            await self._disk.do(work)
        except OSError as error:
            self._log.emit(MetricsFailed(path=path, errno=error.errno or 0))
