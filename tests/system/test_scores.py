"""Scores on the whole platform: what record keeping told stands behind them."""

from tests.support.platform import CHAIN, Bureau, Platform


def test_a_chain_is_scored_by_what_record_keeping_told(platform: Platform, bureau: Bureau) -> None:
    bureau.targets(signed_count=8, signed_amount=160_000, started_count=4, producing_count=2)
    project = bureau.project("计分项目", signed_on="2026-01-02", signed_amount_wan=50_000)
    platform.settle()

    opened = platform.clerk.ask("GET", "assessment", f"/v1/scores/2026-Q1/{CHAIN}")["now"]

    [target] = opened["evidence"]["signed_count_target"]
    [signing] = [one for one in opened["evidence"]["signings"] if one["id"] == project["id"]]
    assert (target["amount"], signing["amount"], signing["day"]) == ("8", "50000", "2026-01-02")
    signings = opened["score"]["indicators"][0]
    assert (signings["key"], signings["why_not"], float(signings["points"]) > 0) == ("signings", "", True)
