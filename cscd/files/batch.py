"""Many items through the protocol together, so that one wait for the disk serves them all."""

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from cscd.files import kernel
from cscd.files.convert import RETIRE_AFTER, SETTLE_AFTER, Item
from cscd.files.failure import consequence
from cscd.files.goal import Goal
from cscd.files.holders import File, holders
from cscd.files.lease import LeaseWatch
from cscd.files.outcome import Gone, Holder, LeftAlone, Outcome, Reason, Result
from cscd.files.rewrite import Rewriter

#: From this many files on, one syncfs(2) costs less than an fsync(2) each.
_SYNC_TOGETHER: Final = 4
#: Items that share one wait. More would hold more leases and descriptors for longer, and gain nothing.
_SLICE: Final = 128
#: Seconds for naming who holds the items of a batch.
_LOOK_AT_MOST: Final = 1.0
_OPEN: Final = (Reason.OPEN_ELSEWHERE, Reason.OPENED_MEANWHILE)


@dataclass(slots=True)
class Order:
    """An item to be converted: an open directory and a name in it. The result goes in here, too."""

    directory: int
    name: str
    result: Result | None = None
    """None as long as the item has not been dealt with."""
    file: File | None = None
    """Device and inode number, for finding out who holds it."""


@dataclass(slots=True)
class _Copied:
    order: Order
    item: Item


@dataclass(slots=True)
class Converter:
    """Converts batches of items of one filesystem towards one goal."""

    goal: Goal
    device: int
    """st_dev of the tree: items elsewhere are left alone."""
    watch: LeaseWatch
    rewriter: Rewriter
    check: Callable[[], None]
    """Called between segments and items; raises `CancelledError` to stop."""
    count: Callable[[int], None]
    """Told the bytes of content that have been read, as work goes on."""
    _proc_hangs: bool = False
    _copied: list[_Copied] = field(default_factory=list)
    """The slice at hand."""

    def run(self, orders: Sequence[Order]) -> None:
        """Bring each item into the asked state and note its result in its order.

        When cancelled, what has been exchanged is completed, all else is left as it was, and the
        orders not dealt with keep `result` None; then `CancelledError` is raised.
        """
        self._run_once(orders)
        # On a disk that is nearly full the copies crowd each other out. What has been converted since has
        # given up its second copy; the others may fit now.
        while _made_room(orders):
            orders = [order for order in orders if order.result and order.result.reason is Reason.NO_SPACE]
            self._run_once(orders)

    def _run_once(self, orders: Sequence[Order]) -> None:
        exchanged: list[_Copied] = []
        try:
            for start in range(0, len(orders), _SLICE):
                exchanged = self._run_slice(orders[start : start + _SLICE], exchanged)
        finally:
            self._retire(exchanged)
            self._name_holders(orders)

    def _run_slice(self, orders: Sequence[Order], before: list[_Copied]) -> list[_Copied]:
        """Take a slice of items as far as their exchange, and retire those of the slice before.

        The work on one slice is the moment that the slice before has to wait.
        """
        self._copied = []
        try:
            for order in orders:
                self.check()
                self._copy(order)
            self.check()
            self._make_durable()
            self.check()
            self._retire(before)
            return self._commit()
        finally:
            self._abandon()

    def look(self, orders: Sequence[Order]) -> None:
        """Note in each order what `run` would do with it, and do nothing."""
        for order in orders:
            self.check()
            item = Item(order.directory, order.name, self.watch)
            try:
                item.begin(self.goal, self.device)
                order.result = item.result()
            except (LeftAlone, Gone) as left:
                self._leave(order, item, left)
            finally:
                item.close()
        self._name_holders(orders)

    def _copy(self, order: Order) -> None:
        """Begin an item and write its other version, if it needs one."""
        item = Item(order.directory, order.name, self.watch)
        keep = False
        try:
            make = item.begin(self.goal, self.device)
            if make:
                item.copy(make, self.rewriter, check=self.check, count=self.count)
                self._copied.append(_Copied(order, item))
                keep = True
            else:
                order.result = item.result()
        except (LeftAlone, Gone) as left:
            self._leave(order, item, left)
        finally:
            if not keep:
                item.close()

    def _leave(self, order: Order, item: Item, left: LeftAlone | Gone) -> None:
        """Note why an item is left alone."""
        if isinstance(left, Gone):
            order.result = Result(Outcome.GONE)
            return
        order.result = Result(Outcome.LEFT, left.reason, left.errno, item.size, detail=left.detail)
        if left.reason in _OPEN and item.inode:
            order.file = (self.device, item.inode)

    # -- the shared wait -----------------------------------------------------------------------

    def _make_durable(self) -> None:
        """Wait until all copies are on the medium; a copy that fails is given up, the others go on."""
        if len(self._copied) >= _SYNC_TOGETHER:
            try:
                kernel.sync_filesystem(self._copied[0].item.new)
            except OSError:
                pass  # Some file of the filesystem failed, perhaps none of ours: ask each.
            else:
                return
        for copied in list(self._copied):
            try:
                os.fsync(copied.item.new)
            except OSError as error:
                self._give_up(copied, consequence(error))

    def _give_up(self, copied: _Copied, left: LeftAlone | Gone) -> None:
        self._leave(copied.order, copied.item, left)
        self._copied.remove(copied)
        copied.item.close()

    # -- the exchange --------------------------------------------------------------------------

    def _commit(self) -> list[_Copied]:
        """Exchange one item after the other, letting each settle while the next are exchanged."""
        settling: deque[_Copied] = deque()
        settled: list[_Copied] = []
        for copied in self._copied:
            try:
                copied.item.commit()
                settling.append(copied)
            except (LeftAlone, Gone) as left:
                self._leave(copied.order, copied.item, left)
                copied.item.close()
            while settling and time.monotonic() - settling[0].item.committed_at >= SETTLE_AFTER:
                self._settle(settling.popleft(), settled)
        while settling:
            _wait_until(settling[0].item.committed_at + SETTLE_AFTER)
            self._settle(settling.popleft(), settled)
        return settled

    def _settle(self, copied: _Copied, settled: list[_Copied]) -> None:
        try:
            copied.item.settle()
            settled.append(copied)
        except (LeftAlone, Gone) as left:
            self._leave(copied.order, copied.item, left)
            copied.item.close()

    def _abandon(self) -> None:
        """Close what was copied and, after a failure or when cancelled, not exchanged."""
        for copied in self._copied:
            if not copied.item.committed_at:
                copied.item.close()

    def _retire(self, exchanged: list[_Copied]) -> None:
        """Delete the old versions; the moment between is shared as well."""
        if exchanged:
            _wait_until(exchanged[-1].item.committed_at + RETIRE_AFTER)
        while exchanged:
            copied = exchanged.pop()
            try:
                copied.item.retire()
                copied.order.result = copied.item.result()
            except (LeftAlone, Gone) as left:
                self._leave(copied.order, copied.item, left)
            copied.item.close()

    def _name_holders(self, orders: Sequence[Order]) -> None:
        """Find out, with one look for the whole batch, who has the items open that were left alone."""
        files = {order.file for order in orders if order.file}
        if not files or self._proc_hangs:
            return
        found: dict[File, tuple[Holder, ...]] = {}
        look = threading.Thread(target=lambda: found.update(holders(files)), daemon=True)
        look.start()
        look.join(_LOOK_AT_MOST)
        # A file of a dead network or FUSE filesystem holds up whoever asks about it; once is enough.
        self._proc_hangs = look.is_alive()
        for order in orders:
            if order.file and order.result:
                order.result = order.result._replace(holders=found.get(order.file, ()))


def _made_room(orders: Sequence[Order]) -> bool:
    """Whether some of the orders found no space that others have needed for a while."""
    reasons = {order.result.reason for order in orders if order.result}
    return Reason.NO_SPACE in reasons and any(
        order.result and order.result.outcome in (Outcome.ENCRYPTED, Outcome.UNENCRYPTED) for order in orders
    )


def _wait_until(moment: float) -> None:
    """Sleep until a monotonic time; usually it has passed already."""
    rest = moment - time.monotonic()
    if rest > 0:
        time.sleep(rest)
