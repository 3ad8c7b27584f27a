"""Decides from what a user can see whether anything was lost, doubled, out of order, too early or told twice."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from uuid import UUID

from shared.contracts import deliveries, projects, supervision
from shared.contracts.ids import obligation_id
from shared.kit.clock import CHINA
from tests.chaos.evidence import Evidence, Fact, case_of
from tests.chaos.load import Ledger, working_days_after
from tests.support.log import Record

RUNG_AFTER = (1, 5, 10, 15, 20)
"""Working days after the due day on which each rung of the default ladder is reached."""
MORNING = time(9)
HELD_BY_A_SENDER = 32
"""How many messages for a robot without a limit one process holds: what one crash may leave unknown."""
_FROM_FACTS = {"opened", "moved", "met", "cancelled"}
_EFFECTS = {"planned": "opened", "replanned": "moved", "met": "met", "cancelled": "cancelled"}
_TOLD = {"reminded", "escalated", "closed", "proposed"}
_NUMBER = re.compile(r"消息编号 (\d{11})")
_REPEATED = "（可能重复）"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that must not be. `rule`: one of a few words; `about`: what it happened to."""

    rule: str
    about: str
    detail: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.about}: {self.detail}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`counts`: how much was looked at, and the harmless things that were seen, by name."""

    findings: tuple[Finding, ...]
    counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def rules(self) -> set[str]:
        return {finding.rule for finding in self.findings}

    def require_sound(self) -> None:
        """Raises AssertionError with what was found."""
        shown = "\n".join(f"  {finding}" for finding in self.findings[:40])
        assert not self.findings, f"{len(self.findings)} findings:\n{shown}"


def judge(evidence: Evidence) -> Verdict:
    """Everything that the rules of this module find."""
    counts: Counter[str] = Counter()
    findings = [
        *_accepted_facts(evidence, counts),
        *_logs(evidence),
        *_topics(evidence, counts),
        *_effects(evidence, counts),
        *_messages(evidence, counts),
        *_receipts(evidence, counts),
        *(Finding("put aside", "a record", each) for each in evidence.put_aside),
        *(Finding("problem", "a service", each) for each in evidence.problems),
    ]
    return Verdict(tuple(findings), dict(counts))


def _accepted_facts(evidence: Evidence, counts: Counter[str]) -> Iterator[Finding]:
    """Each accepted fact stands in intake's history once, in the order in which it was accepted, and nothing else."""
    known = {ledger.project for ledger in evidence.ledgers}
    for project, name in evidence.recorded.items():
        if project not in known:
            yield Finding("fact never accepted", name, f"project {project} is on record")
    for ledger in evidence.ledgers:
        counts["facts accepted"] += len(ledger.facts)
        if projects.PROJECTS not in evidence.logs:
            continue
        history = [fact.kind for fact in evidence.logs[projects.PROJECTS][ledger.project]]
        accepted = [fact.kind for fact in ledger.facts]
        if history != accepted:
            yield Finding(_how(history, accepted), ledger.name, f"accepted {accepted}, on record {history}")


def _how(found: Sequence[str], expected: Sequence[str]) -> str:
    if Counter(expected) - Counter(found):
        return "fact lost"
    return "fact doubled" if Counter(found) - Counter(expected) else "facts out of order"


def _logs(evidence: Evidence) -> Iterator[Finding]:
    """Each aggregate's history is numbered from 1 without a gap."""
    for topic, aggregates in evidence.logs.items():
        for aggregate, facts in aggregates.items():
            numbers = [fact.seq for fact in facts]
            if numbers != list(range(1, len(facts) + 1)):
                yield Finding("gap in a log", f"{topic} {aggregate}", f"numbers {numbers}")


def _topics(evidence: Evidence, counts: Counter[str]) -> Iterator[Finding]:
    """Each fact stands in its topic; the first arrivals of each aggregate in order and without a gap."""
    for topic, aggregates in evidence.logs.items():
        by_aggregate: dict[UUID, list[Record]] = defaultdict(list)
        for record in evidence.topics[topic]:
            by_aggregate[record.envelope.aggregate_id].append(record)
        counts["records sent again"] += sum(map(len, by_aggregate.values())) - sum(
            len({record.envelope.sequence for record in records}) for records in by_aggregate.values()
        )
        for aggregate, facts in aggregates.items():
            yield from _topic_of_one(f"{topic} {aggregate}", facts, by_aggregate[aggregate], whole=evidence.whole)


def _topic_of_one(
    about: str, facts: Sequence[Fact], records: Sequence[Record], *, whole: bool
) -> Iterator[Finding]:  # fmt: skip
    ids = {fact.seq: fact.event_id for fact in facts}
    for record in records:
        if ids.get(record.envelope.sequence) != record.envelope.event_id:
            yield Finding("stranger in a topic", about, f"number {record.envelope.sequence} is another fact on record")
    arrived = list(dict.fromkeys(record.envelope.sequence for record in records))
    if whole and (missing := sorted(ids.keys() - set(arrived))):
        yield Finding("missing from a topic", about, f"numbers {missing} of {len(ids)}")
    elif arrived and arrived != list(range(arrived[0], arrived[0] + len(arrived))):
        yield Finding("out of order in a topic", about, f"first arrivals {arrived}")


def _effects(evidence: Evidence, counts: Counter[str]) -> Iterator[Finding]:
    """What assessment made of each accepted fact, and of time."""
    decided = evidence.logs[supervision.SUPERVISION]
    for ledger in evidence.ledgers:
        obligation = obligation_id(ledger.milestone)
        facts = decided[obligation]
        yield from _effects_of_facts(ledger, facts)
        yield from _state(ledger, facts, evidence.obligations.get(obligation))
        yield from _times(ledger, facts)
        case = decided.get(case_of(obligation), ())
        counts["rungs"] += sum(fact.kind == "escalated" for fact in case)
        yield from _ladder(ledger, facts, case, now=evidence.now)


def _effects_of_facts(ledger: Ledger, facts: Sequence[Fact]) -> Iterator[Finding]:
    expected = [_EFFECTS[fact.kind] for fact in ledger.facts if fact.kind in _EFFECTS]
    found = [fact.kind for fact in facts if fact.kind in _FROM_FACTS]
    if found != expected:
        rule = {"fact lost": "effect missing", "fact doubled": "effect doubled"}.get(
            _how(found, expected), "effects out of order"
        )
        yield Finding(rule, ledger.name, f"expected {expected}, found {found}")


def _state(ledger: Ledger, facts: Sequence[Fact], shown: Mapping[str, object] | None) -> Iterator[Finding]:
    """The obligation as people see it agrees with the facts."""
    if shown is None:
        if facts:
            yield Finding("effect missing", ledger.name, "no obligation is shown")
        return
    delays = [fact.day for fact in ledger.facts if fact.kind == "delayed"]
    told = date.fromisoformat(str(shown["expected_on"])) if shown["expected_on"] else None
    if told != (delays[-1] if delays else None):
        yield Finding("effect missing", ledger.name, f"expected on {told}, declared were {delays}")
    if ledger.is_over and shown["state"] != ledger.facts[-1].kind:
        yield Finding("effect missing", ledger.name, f"is {shown['state']} after {ledger.facts[-1].kind}")


def _times(ledger: Ledger, facts: Sequence[Fact]) -> Iterator[Finding]:
    """Reminded once for each due day, missed once, neither before its day, nothing after the end."""
    due, reminded, missed, over = ledger.due_on, False, 0, False
    for fact in facts:
        if over:
            yield Finding("effect doubled", ledger.name, f"{fact.kind} after its end")
        match fact.kind:
            case "opened":
                due = date.fromisoformat(fact.data["subject"]["due_on"])
            case "moved" if not fact.data["late"]:
                due, reminded = date.fromisoformat(fact.data["due_on"]), False
            case "reminded":
                if reminded:
                    yield Finding("effect doubled", ledger.name, f"reminded twice of {due}")
                reminded = True
                if working_days_after(_day(fact), 3) < due:
                    yield Finding("before its day", ledger.name, f"reminded on {_day(fact)} of {due}")
            case "missed":
                missed += 1
                if _day(fact) < working_days_after(due, RUNG_AFTER[0]):
                    yield Finding("before its day", ledger.name, f"missed on {_day(fact)}, due on {due}")
            case "met" | "cancelled":
                over = True
    if missed > 1:
        yield Finding("effect doubled", ledger.name, f"missed {missed} times")


def _ladder(ledger: Ledger, facts: Sequence[Fact], case: Sequence[Fact], *, now: datetime) -> Iterator[Finding]:
    """Rungs one by one, each on another day and none before its own; as many as the days that have passed."""
    due, told_late = _due_of(ledger, facts)
    kinds = Counter(fact.kind for fact in case)
    if kinds["opened"] > 1 or kinds["closed"] > 1:
        yield Finding("effect doubled", ledger.name, f"its case: {dict(kinds)}")
    if case and (kinds["closed"] == 1) != ledger.is_over:
        yield Finding("effect missing", ledger.name, f"its case: {dict(kinds)}, after {ledger.facts[-1].kind}")
    rungs = [fact for fact in case if fact.kind == "escalated"]
    if [rung.data["rung"] for rung in rungs] != list(range(1, len(rungs) + 1)):
        yield Finding("rungs out of order", ledger.name, f"{[rung.data['rung'] for rung in rungs]}")
    if len({_day(rung) for rung in rungs}) != len(rungs):
        yield Finding("before its day", ledger.name, f"two rungs on one day: {[str(_day(rung)) for rung in rungs]}")
    for rung, after in zip(rungs, RUNG_AFTER, strict=False):
        moment = rung.at.astimezone(CHINA)
        if moment < _morning(working_days_after(due, after)):
            yield Finding("before its day", ledger.name, f"rung {rung.data['rung']} at {moment}, due on {due}")
    passed = RUNG_AFTER if _morning(due) < now else ()
    expected = sum(_morning(working_days_after(due, after)) <= now for after in passed)
    if not ledger.is_over and not told_late and len(rungs) != expected:
        yield Finding("rung missing", ledger.name, f"{len(rungs)} rungs instead of {expected}, due on {due}")


def _due_of(ledger: Ledger, facts: Sequence[Fact]) -> tuple[date, bool]:
    """The due day that supervision goes by, and whether it was recorded only when it had passed."""
    due, told_late = ledger.due_on, False
    for fact in facts:
        if fact.kind == "opened":
            due = date.fromisoformat(fact.data["subject"]["due_on"])
        elif fact.kind == "moved" and not fact.data["late"]:
            due = date.fromisoformat(fact.data["due_on"])
        else:
            continue
        told_late = _day(fact) > due
    return due, told_late


def _messages(evidence: Evidence, counts: Counter[str]) -> Iterator[Finding]:
    """Each thing to be told is one message, and each message is of such a thing."""
    causes = {
        str(fact.event_id): fact
        for facts in evidence.logs[supervision.SUPERVISION].values()
        for fact in facts
        if fact.kind in _TOLD
    }
    messages = Counter(message["cause_id"] for message in evidence.messages)
    for cause, fact in causes.items():
        if messages[cause] != 1:
            rule = "message doubled" if messages[cause] else "message missing"
            yield Finding(rule, f"{fact.kind} {fact.aggregate}", f"{messages[cause]} messages")
    counts["messages"] += len(evidence.messages)
    ledger = evidence.logs[deliveries.DELIVERIES]
    for message in evidence.messages:
        attempts = ledger.get(UUID(message["id"]), ())
        if message["state"] == "undelivered" and [one.data["outcome"] for one in attempts].count("unknown") == 2:
            counts["messages left to a person"] += 1  # nobody can tell whether it arrived
        elif message["state"] != "sent":
            yield Finding("message missing", str(message["number"]), f"{message['state']}: {message['reason']}")


def _receipts(evidence: Evidence, counts: Counter[str]) -> Iterator[Finding]:
    """At the robot each message once; a repeat is marked, and there are no more of them than crashes explain."""
    numbers = {f"{message['number']}": message for message in evidence.messages}
    heard: dict[str, list[str]] = defaultdict(list)
    for receipt in evidence.receipts:
        text = receipt["message"]["title"] + receipt["message"]["text"]
        if (found := _NUMBER.search(text)) and found[1] in numbers:
            heard[found[1]].append(text)
    for number, message in numbers.items():
        if message["state"] == "sent" and not heard[number]:
            yield Finding("message missing", number, "the robot has no such message")
    repeated = {number: texts for number, texts in heard.items() if len(texts) > 1}
    for number, texts in repeated.items():
        unmarked = sum(_REPEATED not in text for text in texts)
        if unmarked > 1 or len(texts) > 2:
            yield Finding("told twice", number, f"{len(texts)} times, {unmarked} of them without the mark")
    counts["repeats marked"] += sum(_REPEATED in text for texts in repeated.values() for text in texts)
    if len(repeated) > evidence.sender_crashes * HELD_BY_A_SENDER:
        yield Finding("told twice", "the robot", f"{len(repeated)} repeats after {evidence.sender_crashes} crashes")


def _day(fact: Fact) -> date:
    return fact.at.astimezone(CHINA).date()


def _morning(day: date) -> datetime:
    return datetime.combine(day, MORNING, CHINA)
