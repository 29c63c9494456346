"""A machine for each module that asks for one, and what it takes to install cscd there."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import container, installation
from tests.support.machine import Machine
from tests.support.service import Person, Service

CONFIGURATION = """
encryption:
  policy: encrypted
enforcement:
  retry:
    first: 1s
logging:
  level: debug
"""
"""What the tests of the service have differently from the defaults."""


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


@pytest.fixture(scope="session")
def service(wheels: Path) -> Iterator[Service]:
    """Install and start the service, by the commands of the manual, on a machine that its tests share."""
    with container.booted() as machine:
        installation.provide(machine, wheels)
        found = Service(machine)
        for command in installation.documented("## Install"):
            if command[0] == "make":
                installation.make(machine, *command[1:])
                found.configure("10-test", CONFIGURATION)
            else:
                machine.run(*command)
        yield found


@pytest.fixture
def alice(service: Service, names: Iterator[str]) -> Person:
    """Make a user of that machine, who is not logged on."""
    return service.person(next(names))


@pytest.fixture
def bob(service: Service, names: Iterator[str]) -> Person:
    """Make another one."""
    return service.person(next(names))


@pytest.fixture(scope="session")
def names() -> Iterator[str]:
    """Give names of users, each once."""
    return (f"person{number}" for number in itertools.count(1))
