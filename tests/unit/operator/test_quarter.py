"""The synthetic quarter as a workbook, read the way an import reads it."""

from datetime import date

import pytest

from services.intake.workbook.reading import read_workbook
from services.operator.samples.programme import sample_programme
from services.operator.samples.quarter import quarter_workbook, repeated_workbook, synthetic_quarter

FIRST = date(2024, 1, 1)


def test_the_same_seed_gives_the_same_bytes() -> None:
    made = [quarter_workbook(synthetic_quarter(FIRST, seed=seed)) for seed in (1, 1, 2)]
    assert made[0] == made[1] != made[2]


@pytest.mark.parametrize("seed", range(5))
def test_an_import_finds_every_row_sound(seed: int) -> None:
    quarter = synthetic_quarter(FIRST, seed=seed)
    read = read_workbook(quarter_workbook(quarter))
    assert [row.reasons for row in read.rows if row.reasons] == []
    drafts = [row.project for row in read.rows if row.project]
    assert len(drafts) == len(quarter.projects)
    by_code = {draft.code: draft for draft in drafts}
    for project in quarter.projects:
        draft = by_code[project.code]
        assert (draft.name, draft.total_investment_wan) == (project.name, project.amount_wan)
        assert (draft.signed_on, draft.started_on) == (project.signed_on, project.started_on)

    again = [row.project for row in read_workbook(repeated_workbook(quarter)).rows]
    assert [draft.code for draft in again if draft] == [project.code for project in quarter.repeated]


def test_what_the_sample_programme_signed_is_not_in_the_quarter_of_the_demonstration() -> None:
    days = {project.days.get("签约") for project in sample_programme(date(2026, 1, 5)).projects}
    assert not {day for day in days if day and date(2024, 1, 1) <= day <= date(2024, 3, 31)}
