from collections import Counter
from datetime import date

import pytest

from services.intake.workbook.reading import read_workbook
from services.operator.samples.workbook import sample_workbook

START = date(2026, 1, 5)


def test_the_same_start_and_seed_give_the_same_bytes() -> None:
    assert sample_workbook(START).content == sample_workbook(START).content
    assert sample_workbook(START).content != sample_workbook(START, seed=7).content
    assert sample_workbook(START).content != sample_workbook(date(2026, 2, 5)).content


@pytest.mark.parametrize("seed", range(20))
def test_its_mess_hides_nothing_from_an_import(seed: int) -> None:
    sample = sample_workbook(START, seed=seed)
    read = read_workbook(sample.content)
    wrong = [row.row for row in read.rows if "待核实" in (row.project.name if row.project else "")]
    drafts = {row.project.name: row.project for row in read.rows if row.project and row.row not in wrong}

    assert drafts.keys() >= {project.name for project in sample.programme.projects}
    for project in sample.programme.projects:
        draft = drafts[project.name]
        assert draft.total_investment_wan == project.total_wan
        assert {line.name: line.due_on for line in draft.milestones} == project.plans
        assert (draft.signed_on, draft.started_on) == (project.days.get("签约"), project.days.get("开工"))
    # Four of the wrong rows can be told from the sheet alone, four only by who knows the programme.
    assert Counter(bool(row.reasons) for row in read.rows)[True] == 4


def test_every_tier_is_there_and_one_post_is_vacant() -> None:
    offices = sample_workbook(START).programme.offices
    tiers = {"总链长", "链长", "副链长", "工作专班", "专班办公室", "单位负责人", "责任人"}

    assert {office.tier for office in offices} == tiers
    assert [office.title for office in offices if not office.person] == ["现代物流产业链副链长"]
    assert len({office.person for office in offices}) == len(offices)


def test_some_milestones_were_due_before_the_start_and_some_fall_due_in_the_year() -> None:
    due = [day for project in sample_workbook(START).programme.projects for day in project.plans.values()]

    assert len([day for day in due if day < START]) == 3
    assert len([day for day in due if START <= day < date(2027, 1, 1)]) >= 8
