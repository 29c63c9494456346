"""cscd itself, by its command line: the whole process, from its start to the last durable byte."""

from bench import command, tree
from bench.peers.peer import InPlace
from bench.subject import State, Subject
from bench.volume import Volume


class Cscd(InPlace):
    """`cscd recheck`, in the background, as by default."""

    name = "cscd"
    how = "cscd recheck, in place; every item durable before it replaces the old one"

    @classmethod
    def missing(cls, volume: Volume, subject: Subject) -> str:
        """It needs the installed program."""
        del volume
        return "" if subject.program.exists() else f"{subject.program} does not exist"

    def encrypt(self) -> None:
        """Bring the tree into the state `encrypted`."""
        self._recheck("encrypted")

    def turn(self) -> None:
        """See that it did, and have it in the page cache."""
        if left := tree.unencrypted(self.cipher):
            raise command.CommandError(f"cscd recheck left {left} items unencrypted")
        super().turn()

    def decrypt(self) -> None:
        """Bring the tree into the state `unencrypted`."""
        self._recheck("unencrypted")

    def _recheck(self, to: State) -> None:
        trial = self.trial
        argv = trial.subject.recheck(to, self.cipher, trial.key)
        command.run(argv, env=trial.subject.environment(trial.volume))
