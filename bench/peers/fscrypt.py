"""The kernel's own file encryption (Documentation/filesystems/fscrypt.rst), as the fscrypt tool sets it up.

The key and the policy are set by the two ioctls themselves: AES-256-XTS for content, AES-256-CTS for names.
The page cache of an encrypted directory holds plaintext, so decrypting is only measured if those pages are
dropped first: unlike all others, this peer reads from the device when it decrypts.
"""

import fcntl
import os
import secrets
import struct
from pathlib import Path

from bench import tree
from bench.peers.peer import Peer
from bench.subject import Subject
from bench.volume import Volume

FS_IOC_ADD_ENCRYPTION_KEY = 0xC0506617
"""_IOWR('f', 23, struct fscrypt_add_key_arg), 80 bytes before the raw key."""
FS_IOC_SET_ENCRYPTION_POLICY = 0x800C6613
"""_IOR('f', 19, struct fscrypt_policy_v1): the number stayed when policy v2 came."""
KEY_SPEC_TYPE_IDENTIFIER = 2
POLICY_V2 = 2
MODE_AES_256_XTS = 1
MODE_AES_256_CTS = 4
FLAGS_PAD_32 = 3
_ADD_KEY = struct.Struct("=II32s II32x")
"""key_spec (type, reserved, identifier padded to 32), raw_size, key_id, reserved."""
_POLICY = struct.Struct("=BBBBB3x16s")
"""version, contents, filenames, flags, log2_data_unit_size, reserved, master_key_identifier."""


class Fscrypt(Peer):
    """cp into an encrypted directory and out of it."""

    name = "fscrypt"
    how = "cp -a into or out of a directory encrypted by the kernel (ext4), then one sync"

    @classmethod
    def missing(cls, volume: Volume, subject: Subject) -> str:
        """It needs our own filesystem, made with the `encrypt` feature, and a kernel that has it."""
        del subject
        if not volume.own:
            return "needs the benchmark's own filesystem"
        return (
            "" if Path("/sys/fs/ext4/features/encryption").exists() else "the kernel has no fscrypt for ext4"
        )

    def prepare(self) -> None:
        """Make the encrypted directory."""
        self.cipher.mkdir()
        identifier = _add_key(self.trial.volume.root, secrets.token_bytes(64))
        policy = _POLICY.pack(POLICY_V2, MODE_AES_256_XTS, MODE_AES_256_CTS, FLAGS_PAD_32, 0, identifier)
        _ioctl(self.cipher, FS_IOC_SET_ENCRYPTION_POLICY, bytearray(policy))

    def encrypt(self) -> None:
        """Copy the source in."""
        tree.copy(self.trial.source, self.cipher / "tree")
        self.trial.volume.sync()

    def turn(self) -> None:
        """Drop the plaintext pages, else nothing would be decrypted."""
        tree.evict(self.cipher)

    def decrypt(self) -> None:
        """Copy everything out."""
        tree.copy(self.cipher / "tree", self.plain)
        self.trial.volume.sync()


def _add_key(root: Path, key: bytes) -> bytes:
    """Give the filesystem mounted at `root` a master key, and return its identifier."""
    argument = bytearray(_ADD_KEY.pack(KEY_SPEC_TYPE_IDENTIFIER, 0, b"", len(key), 0) + key)
    _ioctl(root, FS_IOC_ADD_ENCRYPTION_KEY, argument)
    return bytes(argument[8:24])


def _ioctl(path: Path, number: int, argument: bytearray) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.ioctl(descriptor, number, argument, True)  # noqa: FBT003 - write the kernel's answer into argument
    finally:
        os.close(descriptor)
