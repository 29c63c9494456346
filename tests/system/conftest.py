"""A machine for each module that asks for one."""

from collections.abc import Iterator

import pytest

from tests.support import container
from tests.support.machine import Machine


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    """Boot a machine on which nothing of cscd is installed."""
    with container.booted() as booted:
        yield booted
