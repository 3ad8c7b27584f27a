"""Published statistics stay; corrections stand beside them, numbered (S10)."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from services.intake import reference
from services.intake.domain.errors import DateNotAllowed, FieldMissing
from services.intake.domain.statistics.periods import quarter_of
from services.intake.domain.statistics.publications import NothingToCorrect, Publication, correct, publish
from services.intake.domain.statistics.statistics import Report, Signing, report
from services.intake.domain.terms import HoldStatus
from shared.contracts.projects import ProjectKind
from tests.unit.intake.factories import BUREAU, DISPLAY, an_id

QUARTER = quarter_of(date(2024, 1, 1))
TODAY = date(2024, 4, 3)


def a_signing(name: str, **changes: Any) -> Signing:
    sound = Signing(an_id(name), name, name, ProjectKind.NEW, DISPLAY.id, BUREAU.id, 20_000, date(2024, 2, 1))
    return replace(sound, **changes)


def a_report(*signings: Signing) -> Report:
    return report(signings, QUARTER, reference.statistics_policy())


def published(*signings: Signing) -> Publication:
    return publish(an_id("公布"), 1, a_report(*signings), actor="督查室", today=TODAY)[0]


def corrected(publication: Publication, present: Report, reason: str = "核查") -> Publication:
    return correct(publication, present, reason=reason, actor="督查室", today=TODAY)[0]


def test_what_is_published_names_its_list_and_its_policy() -> None:
    publication, event = publish(an_id("公布"), 1, a_report(a_signing("甲")), actor="督查室", today=TODAY)
    assert (publication.title, publication.version) == ("2024-Q1 第1号", 1)
    assert (event.count, event.total_wan, event.policy_version) == (1, 20_000, "2024-1")
    assert [signing.code for signing in event.signings] == ["甲"]


def test_a_period_is_published_when_it_is_over() -> None:
    publish(an_id("公布"), 1, a_report(), actor="督查室", today=QUARTER.to_on)
    with pytest.raises(DateNotAllowed):
        publish(an_id("公布"), 1, a_report(), actor="督查室", today=date(2024, 3, 30))


def test_corrections_are_numbered_and_each_tells_what_changed_since_the_last() -> None:
    first, second = a_signing("甲"), a_signing("乙")
    before = published(first, second)
    false = replace(first, hold_status=HoldStatus.STRUCK_OFF)
    once = corrected(before, a_report(false, second))
    twice = corrected(once, a_report(false, replace(second, amount_wan=15_000)))
    assert twice.issues[0] == before.published
    assert [issue.correction for issue in twice.issues] == [0, 1, 2]
    assert [[item.code for item in issue.differences] for issue in twice.issues] == [[], ["甲"], ["乙"]]
    assert [issue.figures.total_wan for issue in twice.issues] == [40_000, 20_000, 15_000]
    assert twice.version == 3


def test_a_correction_needs_a_difference_and_a_reason() -> None:
    publication = published(a_signing("甲"))
    with pytest.raises(NothingToCorrect):
        corrected(publication, a_report(a_signing("甲")))
    with pytest.raises(FieldMissing):
        corrected(publication, a_report(), reason="  ")


def test_what_a_report_of_an_issue_says_is_what_was_stated() -> None:
    publication = published(a_signing("甲"), a_signing("乙", amount_wan=300_000))
    found = publication.published.as_report(publication.period)
    assert found.figures == publication.published.figures
    assert found.figures.tiers[-1].count == 1
