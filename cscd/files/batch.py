"""Many items through the protocol together, so that one wait for the disk serves them all."""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from cscd.files.convert import RETIRE_AFTER, SETTLE_AFTER, Item
from cscd.files.failure import consequence
from cscd.files.flush import Flush
from cscd.files.goal import Goal
from cscd.files.holders import File, holders
from cscd.files.lease import LeaseWatch
from cscd.files.outcome import Gone, Holder, LeftAlone, Outcome, Reason, Result
from cscd.files.rewrite import Rewriter

#: Items that share one wait, and their bytes. More would hold more leases and descriptors for longer, and
#: gain nothing.
_SLICE: Final = 128
_SLICE_BYTES: Final = 16 << 20
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
    _copied_bytes: int = 0
    _flushed: list[_Copied] = field(default_factory=list)
    """The slice before, on its way to the medium."""
    _flush: Flush | None = None
    _exchanged: deque[_Copied] = field(default_factory=deque)
    """The slice before that, whose old versions are still there; in the order of their exchange."""

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
        """Take the items through in slices, three of which are under way at a time.

        One is copied while the one before reaches the medium. The one before that has been exchanged, and
        the same time is the moment that its old versions have to wait for.
        """
        try:
            for order in orders:
                self.check()
                self._copy(order)
                if len(self._copied) >= _SLICE or self._copied_bytes >= _SLICE_BYTES:
                    self._advance()
            self._advance()  # the last slice has no next one to be copied meanwhile
            self._advance()
        finally:
            self._abandon()
            self._retire(len(self._exchanged))
            self._name_holders(orders)

    def _advance(self) -> None:
        """Exchange the slice that is durable by now, and send the one just copied to the medium."""
        self.check()
        if self._flush:
            self._await_medium(self._flush)
            self.check()
            before = len(self._exchanged)
            self._commit()
            self._retire(before)
        self._flushed, self._copied, self._copied_bytes = self._copied, [], 0
        # Not before the exchanges: whoever waits for one of them would wait for the journal, too.
        self._flush = Flush([copied.item.new for copied in self._flushed]) if self._flushed else None

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
                self._copied_bytes += item.size
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
        order.result = Result(
            Outcome.LEFT, left.reason, left.errno, item.size, detail=left.detail, key_id=item.key_id
        )
        if left.reason in _OPEN and item.inode:
            order.file = (self.device, item.inode)

    # -- the shared wait -----------------------------------------------------------------------

    def _await_medium(self, flush: Flush) -> None:
        """Wait until the slice sent to the medium is there; only a copy that fails is given up."""
        failed = flush.wait(self.check)
        self._flush = None
        for copied in [copied for copied in self._flushed if copied.item.new in failed]:
            self._leave(copied.order, copied.item, consequence(failed[copied.item.new]))
            self._flushed.remove(copied)
            copied.item.close()

    # -- the exchange --------------------------------------------------------------------------

    def _commit(self) -> None:
        """Exchange one item after the other, letting each settle while the next are exchanged."""
        settling: deque[_Copied] = deque()
        for copied in self._flushed:
            try:
                copied.item.commit()
                settling.append(copied)
            except (LeftAlone, Gone) as left:
                self._leave(copied.order, copied.item, left)
                copied.item.close()
            while settling and time.monotonic() - settling[0].item.committed_at >= SETTLE_AFTER:
                self._settle(settling.popleft())
        while settling:
            _wait_until(settling[0].item.committed_at + SETTLE_AFTER)
            self._settle(settling.popleft())
        self._flushed = []

    def _settle(self, copied: _Copied) -> None:
        try:
            copied.item.settle()
            self._exchanged.append(copied)
        except (LeftAlone, Gone) as left:
            self._leave(copied.order, copied.item, left)
            copied.item.close()

    def _abandon(self) -> None:
        """Close what was copied and, after a failure or when cancelled, not exchanged."""
        if self._flush:
            self._flush.stop()
            self._flush = None
        for copied in (*self._flushed, *self._copied):
            if not copied.item.committed_at:
                copied.item.close()
        self._flushed, self._copied, self._copied_bytes = [], [], 0

    def _retire(self, count: int) -> None:
        """Delete the old versions of the first `count` exchanged; the moment between is shared as well."""
        if count:
            _wait_until(self._exchanged[count - 1].item.committed_at + RETIRE_AFTER)
        for _ in range(count):
            copied = self._exchanged.popleft()
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
    return Reason.NO_SPACE in reasons and any(order.result and order.result.converted for order in orders)


def _wait_until(moment: float) -> None:
    """Sleep until a monotonic time; usually it has passed already."""
    rest = moment - time.monotonic()
    if rest > 0:
        time.sleep(rest)
