"""What a part of a process outlives, and what it says meanwhile."""

import pytest
from sqlalchemy.exc import DBAPIError

from shared.kit import patience as patiences
from shared.kit.patience import Patience, faults


class DriverError(Exception):
    def __init__(self, sqlstate: str) -> None:
        super().__init__("what the database says")
        self.sqlstate = sqlstate


def database(sqlstate: str) -> DBAPIError:
    return DBAPIError("SELECT secret", {}, DriverError(sqlstate))


async def test_what_helps_nobody_is_raised() -> None:
    with pytest.raises(ValueError, match="a fault of ours"):
        await Patience("part").bear(ValueError("a fault of ours"))


@pytest.mark.parametrize("error", [ConnectionResetError(), database("40P01"), KeyError("x")], ids=repr)
async def test_what_passes_by_itself_is_nobodys_task(error: Exception) -> None:
    patience = Patience("part", passing=(KeyError,))

    await patience.bear(error)

    assert patience.fault is None
    assert "part" not in faults()


@pytest.mark.parametrize("sqlstate", ["42703", "53100", "58030", "25006"])
async def test_what_somebody_has_to_mend_is_named_until_the_work_goes_on(sqlstate: str) -> None:
    patience = Patience("part")

    await patience.bear(database(sqlstate))
    assert faults()["part"] == f"what the database says (SQLSTATE {sqlstate})"

    patience.over()
    assert "part" not in faults()


async def test_a_part_that_had_no_failure_for_long_counts_as_going_on(monkeypatch: pytest.MonkeyPatch) -> None:
    patience = Patience("part")
    await patience.bear(database("42703"))

    monkeypatch.setattr(patiences, "STEADY_AFTER", 0.0)

    assert "part" not in faults()
