"""A question to the service that may take secrets: put, and put again with what a person was asked for."""

from collections.abc import Mapping
from typing import Any, Final

from cscd.cli.prompt import WRONG, Prompt
from cscd.cli.secret import Secret
from cscd.cli.service import Service
from cscd.errors import SecretsWantedError, ServiceError, ServiceRefusedError

OLD: Final = "passphrase"
NEW: Final = "new"


class Conversation:
    """Questions of one command; a passphrase that was right is not asked for again."""

    def __init__(self, service: Service, prompt: Prompt) -> None:
        """Take who answers, and whom to ask for secrets."""
        self._service = service
        self._prompt = prompt
        self._known: dict[str, Secret] = {}

    def put(self, question: Mapping[str, Any], **secrets: Secret) -> Any:  # noqa: ANN401 - whatever JSON can be
        """Return the answer; `secrets` are those that nobody need be asked for.

        Raises what `Service.ask` and the prompt raise. A person may err a few times.
        """
        self._known.update(secrets)
        problem = ""
        for left in reversed(range(self._prompt.tries)):
            try:
                return self._put(question, problem)
            except ServiceRefusedError as refused:
                if refused.reason != "wrong_passphrase" or not left or not self._known.pop(OLD, None):
                    raise
                problem = WRONG
        raise AssertionError("the last try returns or raises")

    def _put(self, question: Mapping[str, Any], problem: str) -> Any:  # noqa: ANN401 - whatever JSON can be
        try:
            return self._service.ask(question, self._known)
        except SecretsWantedError as wanted:
            self._ask(wanted.names, problem)
        return self._service.ask(question, self._known)

    def _ask(self, names: tuple[str, ...], problem: str) -> None:
        """Ask for what is missing: the old one before the new one, as people expect."""
        if unknown := set(names) - {OLD, NEW}:
            raise ServiceError(f"the service wants to be given {min(unknown)}, which this does not have")
        if OLD in names:
            self._known[OLD] = self._prompt.passphrase(problem)
        if NEW in names:
            self._known[NEW] = self._prompt.new_passphrase()
