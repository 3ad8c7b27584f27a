"""The policy as data: the ladder, its days, the lights' boundaries. Read once, refused with place and reason."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import time
from enum import StrEnum
from string import Formatter
from typing import Any, TypeVar

from shared.contracts.programme import Tier
from shared.contracts.supervision import Document
from shared.kit.errors import Invalid

LADDER = (
    Tier.OFFICER,
    Tier.UNIT_HEAD,
    Tier.TASK_FORCE_OFFICE,
    Tier.TASK_FORCE,
    Tier.DEPUTY_CHIEF,
    Tier.CHIEF,
    Tier.CHIEF_GENERAL,
)
"""The tiers from the bottom up; a vacant one is skipped towards the end of this list."""

E = TypeVar("E", bound=StrEnum)


class PolicyRefused(Invalid):
    """The policy's data breaks a rule; `place` is a path such as `rung[2].after_days`."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(f"督办规则有误（{place}）：{reason}", place=place, reason=reason)
        self.place = place
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Rung:
    """One step of the ladder. `after_days`: working days after the due day; `reply_within_days` after the rung."""

    number: int
    after_days: int
    document: Document
    to: tuple[Tier, ...]
    copy: tuple[Tier, ...] = ()
    reply_within_days: int | None = None
    numbered: bool = False


@dataclass(frozen=True, slots=True)
class Raise:
    """Red at so many month-ends running raises the case to this rung before the day."""

    month_end_reds: int
    to_rung: int


@dataclass(frozen=True, slots=True)
class StartRule:
    """Rule set `start`: month-ends passed without a start, the planned month's own included."""

    yellow_from_months: int
    red_from_months: int
    raises: tuple[Raise, ...] = ()

    def rung_for(self, month_end_reds: int) -> int:
        """The rung the light may raise a case to; 0 for none."""
        return max((one.to_rung for one in self.raises if month_end_reds >= one.month_end_reds), default=0)


@dataclass(frozen=True, slots=True)
class Policy:
    """One version of the rules; immutable, and known by its version for as long as a case that began with it."""

    version: str
    fires_at: time
    fires_until: time
    remind_days_before: int
    remind_to: tuple[Tier, ...]
    acknowledgement_holds_days: int
    commitment_within_days: int
    case_number: str
    letter_number: str
    rungs: tuple[Rung, ...]
    closing_to: tuple[Tier, ...]
    start_light: StartRule
    ticket_yellow_up_to_days: int
    commend_early_days: int
    commend_to: tuple[Tier, ...]
    commend_copy: tuple[Tier, ...]

    def rung(self, number: int) -> Rung | None:
        """The rung of this number; None above the top."""
        return self.rungs[number - 1] if 1 <= number <= len(self.rungs) else None


def read_policy(data: Mapping[str, Any]) -> Policy:
    """A policy from its data (shape: policies/default.toml).

    Raises:
        PolicyRefused: something is missing, of the wrong kind, unknown, or out of order.
    """
    section = _Section(data, "")
    firing, reminder = section.part("firing"), section.part("reminder")
    numbers, commendation = section.part("numbers"), section.part("commendation")
    light = section.part("light")
    feedback, acknowledgement = section.part("feedback"), section.part("acknowledgement")
    closing, ticket = section.part("closing"), light.part("ticket")
    rungs = _rungs(section)
    policy = Policy(
        version=section.text("version"),
        fires_at=firing.time("at"),
        fires_until=firing.time("until"),
        remind_days_before=reminder.count("days_before", least=1),
        remind_to=reminder.tiers("to"),
        acknowledgement_holds_days=acknowledgement.count("holds_days"),
        commitment_within_days=feedback.count("commitment_within_days", least=1),
        case_number=numbers.number_form("case"),
        letter_number=numbers.number_form("letter"),
        rungs=rungs,
        closing_to=closing.tiers("to"),
        start_light=_start_rule(light.part("start"), top=len(rungs)),
        ticket_yellow_up_to_days=ticket.count("yellow_up_to_days"),
        commend_early_days=commendation.count("early_days", least=1),
        commend_to=commendation.tiers("to"),
        commend_copy=commendation.tiers("copy", optional=True),
    )
    if policy.fires_at >= policy.fires_until:
        raise PolicyRefused("firing.until", "must be later than firing.at")
    for part in (section, firing, reminder, numbers, commendation, light, feedback, acknowledgement, closing, ticket):
        part.refuse_rest()
    return policy


def _rungs(section: "_Section") -> tuple[Rung, ...]:
    rungs: list[Rung] = []
    for part in section.parts("rung"):
        rung = Rung(
            number=part.count("number", least=1),
            after_days=part.count("after_days", least=1),
            document=part.word("document", Document),
            to=part.tiers("to"),
            copy=part.tiers("copy", optional=True),
            reply_within_days=part.count("reply_within_days", least=1, optional=True) or None,
            numbered=part.flag("numbered"),
        )
        part.refuse_rest()
        if rung.number != len(rungs) + 1:
            raise PolicyRefused(f"{part.place}.number", f"must be {len(rungs) + 1}: rungs stand in order, from 1")
        if rungs and rung.after_days <= rungs[-1].after_days:
            raise PolicyRefused(f"{part.place}.after_days", "must be more than the rung's below")
        if rung.document is Document.REMINDER:
            raise PolicyRefused(f"{part.place}.document", "a reminder is no rung; see [reminder]")
        rungs.append(rung)
    if not rungs:
        raise PolicyRefused("rung", "a ladder needs at least one rung")
    return tuple(rungs)


def _start_rule(part: "_Section", *, top: int) -> StartRule:
    raises: list[Raise] = []
    for one in part.parts("raises"):
        raised = Raise(one.count("month_end_reds", least=1), one.count("to_rung", least=2))
        one.refuse_rest()
        if raised.to_rung > top:
            raise PolicyRefused(f"{one.place}.to_rung", f"there is no rung {raised.to_rung}")
        raises.append(raised)
    rule = StartRule(
        yellow_from_months=part.count("yellow_from_months", least=1),
        red_from_months=part.count("red_from_months", least=1),
        raises=tuple(raises),
    )
    if rule.red_from_months <= rule.yellow_from_months:
        raise PolicyRefused(f"{part.place}.red_from_months", "must be more than yellow_from_months")
    part.refuse_rest()
    return rule


class _Section:
    """A table of the data, with its place, and what of it was asked for."""

    def __init__(self, data: Any, place: str) -> None:
        if not isinstance(data, Mapping):
            raise PolicyRefused(place or "policy", "must be a table")
        self._data = data
        self._asked: set[str] = set()
        self.place = place

    def part(self, name: str) -> "_Section":
        return _Section(self._need(name), self._path(name))

    def parts(self, name: str) -> list["_Section"]:
        items = self._ask(name)
        if items is None:
            return []
        if not isinstance(items, Sequence) or isinstance(items, str):
            raise PolicyRefused(self._path(name), "must be a list of tables")
        return [_Section(item, f"{self._path(name)}[{index}]") for index, item in enumerate(items, 1)]

    def text(self, name: str) -> str:
        value = self._need(name)
        if not isinstance(value, str) or not value.strip():
            raise PolicyRefused(self._path(name), "must be a text")
        return value

    def time(self, name: str) -> time:
        try:
            return time.fromisoformat(self.text(name))
        except ValueError as error:
            raise PolicyRefused(self._path(name), "must be a time such as 09:00") from error

    def count(self, name: str, *, least: int = 0, optional: bool = False) -> int:
        value = self._ask(name) if optional else self._need(name)
        if optional and value is None:
            return 0
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise PolicyRefused(self._path(name), f"must be a whole number of at least {least}")
        return value

    def flag(self, name: str) -> bool:
        value = self._ask(name)
        if value not in (None, True, False):
            raise PolicyRefused(self._path(name), "must be true or false")
        return bool(value)

    def word(self, name: str, words: type[E]) -> E:
        return self._word(self._need(name), words, self._path(name))

    def tiers(self, name: str, *, optional: bool = False) -> tuple[Tier, ...]:
        values = self._ask(name) if optional else self._need(name)
        if optional and values is None:
            return ()
        if not isinstance(values, Sequence) or isinstance(values, str) or not (values or optional):
            raise PolicyRefused(self._path(name), "must be a list of tiers")
        return tuple(self._word(value, Tier, self._path(name)) for value in values)

    def number_form(self, name: str) -> str:
        form = self.text(name)
        fields = {field for _, field, _, _ in Formatter().parse(form) if field is not None}
        if fields != {"year", "n"}:
            raise PolicyRefused(self._path(name), "must hold {year} and {n} and nothing else in braces")
        return form

    def refuse_rest(self) -> None:
        """A misspelt key would otherwise be a rule that silently does not hold."""
        if unknown := sorted(self._data.keys() - self._asked):
            raise PolicyRefused(self._path(unknown[0]), "is not known")

    def _word(self, value: object, words: type[E], place: str) -> E:
        try:
            return words(str(value))
        except ValueError as error:
            known = ", ".join(words)
            raise PolicyRefused(place, f"{value!r} is not one of {known}") from error

    def _need(self, name: str) -> Any:
        value = self._ask(name)
        if value is None:
            raise PolicyRefused(self._path(name), "is missing")
        return value

    def _ask(self, name: str) -> Any:
        self._asked.add(name)
        return self._data.get(name)

    def _path(self, name: str) -> str:
        return f"{self.place}.{name}" if self.place else name
