from uuid import UUID

from services.assessment.domain.scoring.league import Scored, league
from services.assessment.domain.scoring.measures import Gathered, Measure
from services.assessment.domain.scoring.score import score
from services.assessment.policies.scoring import read_scoring
from tests.unit.assessment.scoring.records import records, worked_case

TABLE = read_scoring().table


def scored(code: str, gathered: Gathered) -> Scored:
    return Scored(UUID(int=1), code, f"{code}产业链", score(TABLE, gathered, quarter=1))


def test_chains_stand_by_their_totals() -> None:
    better = {**worked_case(), Measure.PRODUCTION_REACHED: records(2)}
    placed = league(TABLE, [scored("C01", worked_case()), scored("C02", better)])
    assert [(one.rank, one.scored.code, one.tie_broken_by) for one in placed] == [(1, "C02", None), (2, "C01", None)]


def test_equal_totals_are_decided_by_the_named_indicators() -> None:
    # Four points of investment for four of signings: the same total, and signings are named first.
    signings = {**worked_case(), Measure.INVESTMENT_COMPLETED: records(1, 66_000)}
    investment = {
        **worked_case(),
        Measure.SIGNINGS: (*records(13, 240_000, kind="small"), *records(1, 300_000, kind="large")),
        Measure.INVESTMENT_COMPLETED: records(1, 70_000),
    }
    first, second = league(TABLE, [scored("C01", investment), scored("C02", signings)])
    assert first.scored.score.total == second.scored.score.total
    assert (first.scored.code, second.tie_broken_by) == ("C02", "signings")


def test_what_is_equal_in_all_of_them_stands_by_code() -> None:
    placed = league(TABLE, [scored(code, worked_case()) for code in ("C03", "C01", "C02")])
    assert [(one.rank, one.scored.code) for one in placed] == [(1, "C01"), (2, "C02"), (3, "C03")]
    assert [one.tie_broken_by for one in placed] == [None, "code", "code"]


def test_a_chain_without_a_score_has_no_rank() -> None:
    placed = league(TABLE, [scored("C01", {}), scored("C02", worked_case())])
    assert [(one.rank, one.scored.code) for one in placed] == [(1, "C02"), (None, "C01")]
