"""The whole platform. Most tests share one and use names of their own; a module that breaks more has one for itself."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.platform import Bureau, Platform, Robot


@contextmanager
def running(*, kafka: str = "embedded") -> Iterator[Platform]:
    """A platform on a folder of its own: not one of pytest's, which the next session closes to PostgreSQL's user."""
    with tempfile.TemporaryDirectory(prefix="liandu-", ignore_cleanup_errors=True) as folder:
        platform = Platform(Path(folder) / "data", kafka=kafka)
        try:
            yield platform.up()
        finally:
            platform.close()


@pytest.fixture(scope="session")
def shared_platform() -> Iterator[Platform]:
    """For tests that leave it running and whatever is not theirs alone."""
    with running() as platform:
        yield platform


@pytest.fixture(scope="module")
def platform(shared_platform: Platform) -> Platform:
    """The platform of a module's tests; a module that needs its own has a fixture of this name."""
    return shared_platform


@pytest.fixture(scope="module")
def bureau(platform: Platform) -> Bureau:
    """A unit whose posts are all held."""
    return Bureau(platform)


@pytest.fixture(scope="module")
def everyone(platform: Platform) -> Robot:
    """The group where all messages go that have no group of their own."""
    return platform.everyone
