"""The whole platform, one for each module: its tests use names of their own."""

from collections.abc import Iterator

import pytest

from tests.support.platform import Bureau, Platform, Robot


@pytest.fixture(scope="module")
def broker_kind() -> str:
    """`embedded` or `real`; a module that needs Apache Kafka says so."""
    return "embedded"


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory, broker_kind: str) -> Iterator[Platform]:
    """A running platform; a test that stops parts of it starts them again."""
    made = Platform(tmp_path_factory.mktemp("platform") / "liandu", kafka=broker_kind)
    try:
        yield made.up()
    finally:
        made.close()


@pytest.fixture(scope="module")
def bureau(platform: Platform) -> Bureau:
    """A unit whose posts are all held."""
    return Bureau(platform)


@pytest.fixture(scope="module")
def everyone(platform: Platform) -> Robot:
    """The one group where all messages go that have no group of their own."""
    return platform.connect_robot("everyone")
