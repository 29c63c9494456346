"""What is converted: three trees of pseudo-random files, the same bytes on every machine and in every run.

S: 10,000 files of 1 to 64 KiB in 200 directories, sizes evenly distributed, hence about 315 MiB.
M: 200 files of 4 MiB in 10 directories.
L: one file of 1 GiB.

The content does not compress, and no block occurs twice.
"""

import random
from dataclasses import dataclass
from pathlib import Path

KIB = 1 << 10
MIB = 1 << 20
SEED = 20_240_229
"""Any number, but always the same one."""


@dataclass(frozen=True, slots=True)
class Workload:
    """A tree to make: `count` files of `smallest` to `largest` bytes in `folders` directories."""

    letter: str
    title: str
    count: int
    folders: int
    smallest: int
    largest: int

    def scaled(self, scale: float) -> "Workload":
        """The same kind of tree with `scale` times the bytes: fewer files, or one smaller file."""
        if scale == 1:
            return self
        title = f"{self.title}, scaled by {scale:g}"
        if self.count == 1:
            size = max(1, round(self.largest * scale))
            return Workload(self.letter, title, 1, 1, size, size)
        count = max(1, round(self.count * scale))
        return Workload(self.letter, title, count, min(self.folders, count), self.smallest, self.largest)

    def sizes(self) -> list[int]:
        """The size in bytes of each file."""
        dice = random.Random(SEED)
        return [dice.randint(self.smallest, self.largest) for _ in range(self.count)]

    def make(self, root: Path) -> None:
        """Write the tree to `root`, which must not exist yet."""
        root.mkdir()
        for folder in range(self.folders):
            (root / f"folder-{folder:03}").mkdir()
        dice = random.Random(SEED + ord(self.letter))
        for number, size in enumerate(self.sizes()):
            path = root / f"folder-{number % self.folders:03}" / f"item-{number:05}.bin"
            with open(path, "wb", buffering=0) as file:
                file.writelines(dice.randbytes(min(MIB, size - start)) for start in range(0, size, MIB))


WORKLOADS = {
    workload.letter: workload
    for workload in (
        Workload("S", "10,000 files of 1 to 64 KiB", 10_000, 200, KIB, 64 * KIB),
        Workload("M", "200 files of 4 MiB", 200, 10, 4 * MIB, 4 * MIB),
        Workload("L", "one file of 1 GiB", 1, 1, 1024 * MIB, 1024 * MIB),
    )
}
"""By letter."""
