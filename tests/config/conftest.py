"""What the tests of the configuration have in common: a directory with configuration files."""

from pathlib import Path

import pytest

from tests.config.directory import Directory


@pytest.fixture
def directory(tmp_path: Path) -> Directory:
    """Give an empty directory for a configuration."""
    return Directory(tmp_path)
