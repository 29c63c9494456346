"""Whether the sandbox hides a root, by mounts as the kernel lists them."""

import pytest

from cscd.daemon.work.sandbox import MOUNTS, missing_setting, mounts

OUTSIDE = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
23 22 0:21 / /proc rw,nosuid - proc proc rw
24 22 254:1 / /srv rw,relatime shared:2 - xfs /dev/vdb rw
"""
STRICT = """\
22 1 254:0 / / ro,relatime shared:1 - ext4 /dev/vda rw
24 22 254:1 / /srv ro,relatime shared:2 - xfs /dev/vdb rw
25 22 254:0 /home /home rw,relatime shared:1 - ext4 /dev/vda rw
26 22 254:0 /data\\040of\\040all /data\\040of\\040all rw,relatime - ext4 /dev/vda rw
"""
INACCESSIBLE = """\
22 1 254:0 / / ro,relatime shared:1 - ext4 /dev/vda rw
25 22 0:22 /systemd/inaccessible/dir /home ro,nosuid - tmpfs tmpfs rw,mode=755
26 22 0:22 /systemd/inaccessible/dir /srv/cache ro,nosuid - tmpfs tmpfs rw,mode=755
"""
EMPTIED = """\
22 1 254:0 / / ro,relatime shared:1 - ext4 /dev/vda rw
25 22 0:50 / /home ro,nosuid - tmpfs tmpfs ro,mode=755
"""


@pytest.mark.parametrize(
    "listed, path, setting",
    [
        (OUTSIDE, "/home/alice/cache", ""),
        (OUTSIDE, "/srv/cache", ""),
        (STRICT, "/home/alice/cache", ""),
        (STRICT, "/homes/alice", "ReadWritePaths=/homes/alice"),
        (STRICT, "/srv/cache", "ReadWritePaths=/srv/cache"),
        (STRICT, "/data of all/x", ""),
        (STRICT, "/data/50% of all", 'ReadWritePaths="/data/50%% of all"'),
        (INACCESSIBLE, "/home/alice/cache", "ProtectHome=no"),
        (INACCESSIBLE, "/srv/cache/alice", "BindPaths=/srv/cache/alice"),
        (EMPTIED, "/home/alice/cache", "ProtectHome=no"),
    ],
)
def test_the_setting_that_is_missing_is_named(listed: str, path: str, setting: str) -> None:
    """As it has to be written into the unit, or none where the root can be reached."""
    assert missing_setting(path, mounts(listed.splitlines())) == setting


def test_a_filesystem_that_is_read_only_itself_is_not_the_sandboxs_doing() -> None:
    """No setting of the unit would change it."""
    listed = "22 1 254:0 / / ro,relatime shared:1 - ext4 /dev/vda ro"
    assert missing_setting("/home", mounts([listed])) == ""


def test_of_two_mounts_at_one_place_the_later_one_counts() -> None:
    """It hides the other."""
    over = [
        "22 1 254:0 / / rw - ext4 /dev/vda rw",
        "23 22 254:1 / /srv ro - xfs /dev/vdb rw",
        "24 23 254:1 / /srv rw - xfs /dev/vdb rw",
    ]
    assert missing_setting("/srv/cache", mounts(over)) == ""


def test_the_kernels_own_list_is_understood() -> None:
    """Every line of it is a mount."""
    with open(MOUNTS, encoding="utf-8", errors="surrogateescape") as file:
        lines = file.readlines()
    assert len(mounts(lines)) == len(lines)


def test_lines_that_are_none_are_left_out() -> None:
    """A kernel to come may write others."""
    assert mounts(["", "x", "1 2 3 4 5 6 7 8"]) == []
