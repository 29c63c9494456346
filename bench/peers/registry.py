"""All peers by name, in the order of the report."""

from bench.peers.age import Age
from bench.peers.copying import Copying
from bench.peers.cscd import Cscd
from bench.peers.fscrypt import Fscrypt
from bench.peers.gocryptfs import Gocryptfs
from bench.peers.peer import Peer
from bench.peers.pyrage import Batched, Forked, Plain
from bench.peers.rclone import Rclone

PEERS: dict[str, type[Peer]] = {
    peer.name: peer for peer in (Copying, Cscd, Forked, Batched, Plain, Rclone, Fscrypt, Gocryptfs, Age)
}
