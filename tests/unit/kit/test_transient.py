"""Which failures pass by themselves, and which are somebody's fault."""

import errno

import pytest
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from shared.kit.transient import EnvironmentFault, is_environment, is_transient


class DriverError(Exception):
    def __init__(self, sqlstate: str) -> None:
        super().__init__(sqlstate)
        self.sqlstate = sqlstate


def database(sqlstate: str) -> DBAPIError:
    return DBAPIError("SELECT", {}, DriverError(sqlstate))


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EHOSTUNREACH, "Connect call failed"),
        OSError(errno.ENETUNREACH, "Connect call failed"),
        OSError("Multiple exceptions: [Errno 111] …, [Errno 101] …"),
        ConnectionResetError(),
        TimeoutError(),
        PoolTimeout(),
        EnvironmentFault(),
        database("40P01"),
        database("53100"),
        database("57P01"),
    ],
    ids=repr,
)
def test_what_passes_by_itself(error: Exception) -> None:
    assert is_transient(error)


@pytest.mark.parametrize("error", [ValueError(), database("23505"), database("22012"), database("42703")], ids=repr)
def test_what_does_not(error: Exception) -> None:
    assert not is_transient(error)


@pytest.mark.parametrize("sqlstate", ["0A000", "25006", "28000", "3F000", "42501", "42703", "42P01", "58030", "XX002"])
def test_what_somebody_has_to_mend(sqlstate: str) -> None:
    assert is_environment(database(sqlstate))


@pytest.mark.parametrize("sqlstate", ["22012", "23505", "25P02", "40001", "P0001"])
def test_what_is_no_fault_of_the_environment(sqlstate: str) -> None:
    assert not is_environment(database(sqlstate))
