"""The conversion that the tests of single races take apart."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cscd.files.lease import LeaseWatch
from tests.races.late import Conversion


@pytest.fixture
def conversion(tmp_path: Path) -> Iterator[Conversion]:
    """Bring a conversion to where its copy is complete."""
    with LeaseWatch() as watch:
        conversion = Conversion(tmp_path, watch)
        yield conversion
