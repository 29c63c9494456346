"""A machine for each module that asks for one, and what it takes to install cscd there."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import container, installation
from tests.support.machine import Machine


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    """Boot a machine on which nothing of cscd is installed."""
    with container.booted() as booted:
        yield booted


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Download the locked packages, once."""
    return installation.download(tmp_path_factory.mktemp("wheels"))


@pytest.fixture(scope="module")
def sources(machine: Machine, wheels: Path) -> Machine:
    """Put the sources on the machine, with nothing installed yet."""
    installation.provide(machine, wheels)
    return machine
