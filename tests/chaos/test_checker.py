"""The checker itself: quiet about what is sound, and for each kind of wrong the finding that names it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid5

import pytest

from shared.contracts import deliveries, projects, supervision
from shared.contracts.cloudevents import Envelope
from shared.contracts.ids import NAMESPACE, obligation_id
from shared.kit.clock import CHINA
from tests.chaos.checker import judge
from tests.chaos.evidence import Evidence, Fact, case_of
from tests.chaos.load import Accepted, Ledger
from tests.support.log import Record

DUE = date(2026, 1, 13)
MOVED = date(2026, 1, 14)
PROJECT, MILESTONE, MESSAGE = (uuid5(NAMESPACE, name) for name in ("a project", "a line", "a message"))
OBLIGATION = obligation_id(MILESTONE)
CASE = case_of(OBLIGATION)
NUMBER = "20260000001"


def at(day: int, hour: int = 9) -> datetime:
    return datetime(2026, 1, day, hour, tzinfo=CHINA)


def fact(aggregate: UUID, seq: int, of: str, when: datetime, **data: Any) -> Fact:
    return Fact(aggregate, seq, uuid5(aggregate, f"{seq} {of}"), f"cn.liandu.{of}.v1", when, data)


RUNG = fact(CASE, 2, "case.escalated", at(15), rung=1)
LOGS = {
    projects.PROJECTS: {
        PROJECT: [
            fact(PROJECT, 1, "project.recorded", at(5)),
            fact(PROJECT, 2, "milestone.planned", at(5)),
            fact(PROJECT, 3, "milestone.replanned", at(5)),
        ]
    },
    supervision.SUPERVISION: {
        OBLIGATION: [
            fact(OBLIGATION, 1, "obligation.opened", at(5), subject={"due_on": str(DUE)}),
            fact(OBLIGATION, 2, "obligation.moved", at(5), due_on=str(MOVED), late=False),
            fact(OBLIGATION, 3, "obligation.missed", at(15)),
        ],
        CASE: [fact(CASE, 1, "case.opened", at(15)), RUNG],
    },
    deliveries.DELIVERIES: {MESSAGE: [fact(MESSAGE, 1, "delivery.attempted", at(15), outcome="sent")]},
}


def record(of: Fact, offset: int) -> Record:
    envelope = Envelope(of.event_id, "/liandu/anyone", of.type, of.at, of.aggregate, of.seq)
    return Record(0, offset, envelope, b"{}")


def topics() -> dict[str, list[Record]]:
    return {
        topic: [record(each, offset) for offset, each in enumerate(each for facts in of.values() for each in facts)]
        for topic, of in LOGS.items()
    }


def receipt(mark: str = "") -> dict[str, Any]:
    return {"message": {"title": "", "text": f"{mark}【催办】示例\n链督 消息编号 {NUMBER}"}}


def sound() -> Evidence:
    accepted = [Accepted("recorded"), Accepted("planned", DUE), Accepted("replanned", MOVED)]
    ledger = Ledger("示例", PROJECT, MILESTONE, MOVED, 3, accepted)
    message = {"id": str(MESSAGE), "number": int(NUMBER), "cause_id": str(RUNG.event_id), "state": "sent", "reason": ""}
    return Evidence(
        now=at(16),
        ledgers=[ledger],
        recorded={PROJECT: "示例"},
        logs=LOGS,
        topics=topics(),
        whole=True,
        obligations={OBLIGATION: {"expected_on": None, "state": "missed"}},
        messages=[{**message, "attempts": 1}],
        receipts=[receipt()],
        put_aside=[],
        problems=[],
        sender_crashes=1,
    )


def with_log(topic: str, aggregate: UUID, change: Callable[[list[Fact]], list[Fact]]) -> Evidence:
    evidence = sound()
    log = {**LOGS[topic], aggregate: change(list(LOGS[topic][aggregate]))}
    return replace(evidence, logs={**LOGS, topic: log})


def with_topic(topic: str, change: Callable[[list[Record]], list[Record]]) -> Evidence:
    evidence = sound()
    return replace(evidence, topics={**evidence.topics, topic: change(list(evidence.topics[topic]))})


def next_after(facts: list[Fact], of: str, when: datetime, **data: Any) -> list[Fact]:
    return [*facts, fact(facts[0].aggregate, len(facts) + 1, of, when, **data)]


def earlier(facts: list[Fact]) -> list[Fact]:
    return [*facts[:-1], replace(facts[-1], at=at(14))]


WRONG: dict[str, tuple[Callable[[], Evidence], str]] = {
    "an accepted fact is not on record": (lambda: with_log(projects.PROJECTS, PROJECT, lambda f: f[:2]), "fact lost"),
    "a fact is on record twice": (
        lambda: with_log(projects.PROJECTS, PROJECT, lambda f: next_after(f, "milestone.replanned", at(5))),
        "fact doubled",
    ),
    "facts changed places": (
        lambda: with_log(projects.PROJECTS, PROJECT, lambda f: [f[0], f[2], f[1]]),
        "facts out of order",
    ),
    "a project that nobody was told of": (
        lambda: replace(sound(), recorded={MESSAGE: "示例"}),
        "fact never accepted",
    ),
    "a history with a hole": (lambda: with_log(supervision.SUPERVISION, CASE, lambda f: f[1:]), "gap in a log"),
    "a fact that was never sent": (lambda: with_topic(projects.PROJECTS, lambda r: r[:2]), "missing from a topic"),
    "facts sent out of order": (
        lambda: with_topic(projects.PROJECTS, lambda r: [r[0], r[2], r[1]]),
        "out of order in a topic",
    ),
    "a record of nobody's": (
        lambda: with_topic(projects.PROJECTS, lambda r: [*r, record(fact(PROJECT, 3, "x.y", at(5)), 9)]),
        "stranger in a topic",
    ),
    "a fact without effect": (
        lambda: with_log(supervision.SUPERVISION, OBLIGATION, lambda f: [f[0], f[2]]),
        "effect missing",
    ),
    "a fact with two effects": (
        lambda: with_log(
            supervision.SUPERVISION,
            OBLIGATION,
            lambda f: next_after(f, "obligation.moved", at(15), due_on=str(MOVED), late=True),
        ),
        "effect doubled",
    ),
    "a rung before its day": (lambda: with_log(supervision.SUPERVISION, CASE, earlier), "before its day"),
    "a rung left out": (lambda: replace(sound(), now=at(22)), "rung missing"),
    "a rung twice": (
        lambda: with_log(supervision.SUPERVISION, CASE, lambda f: next_after(f, "case.escalated", at(16), rung=1)),
        "rungs out of order",
    ),
    "nothing said of a rung": (lambda: replace(sound(), messages=[]), "message missing"),
    "two messages of one rung": (lambda: replace(sound(), messages=[*sound().messages] * 2), "message doubled"),
    "a message that did not arrive": (lambda: replace(sound(), receipts=[]), "message missing"),
    "a message twice without the mark": (lambda: replace(sound(), receipts=[receipt(), receipt()]), "told twice"),
    "a message three times": (
        lambda: replace(sound(), receipts=[receipt(), receipt("（可能重复）"), receipt("（可能重复）")]),
        "told twice",
    ),
    "a repeat that no crash explains": (
        lambda: replace(sound(), receipts=[receipt(), receipt("（可能重复）")], sender_crashes=0),
        "told twice",
    ),
    "a message given up though it was tried once": (
        lambda: replace(sound(), messages=[{**sound().messages[0], "state": "undelivered"}]),
        "message missing",
    ),
    "a record put aside": (lambda: replace(sound(), put_aside=["assessment 1: poison"]), "put aside"),
    "something that waits for a person": (lambda: replace(sound(), problems=["1 aggregates parked"]), "problem"),
}


def test_what_is_sound_has_no_findings() -> None:
    verdict = judge(sound())
    verdict.require_sound()
    assert (verdict.counts["facts accepted"], verdict.counts["rungs"], verdict.counts["messages"]) == (3, 1, 1)


def test_what_crashes_are_allowed_to_leave_has_no_findings() -> None:
    """Records sent again in order, a topic that lost its beginning, one marked repeat for a crash."""
    again = with_topic(projects.PROJECTS, lambda records: records * 2)
    lost = replace(with_topic(projects.PROJECTS, lambda records: records[1:]), whole=False)
    repeated = replace(sound(), receipts=[receipt(), receipt("（可能重复）")])

    for evidence in (again, lost, repeated):
        judge(evidence).require_sound()
    assert judge(again).counts["records sent again"] == 3
    assert judge(repeated).counts["repeats marked"] == 1


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_is_found(wrong: str) -> None:
    evidence, rule = WRONG[wrong]
    assert rule in judge(evidence()).rules
