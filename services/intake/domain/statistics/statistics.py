"""The statistics of newly signed projects (S10): which signings count in a period, and what they come to.

A project counts once, on the day of its first formal contract, with the amount of that contract. A 增资 is a project of
its own whose amount is the increment, so its parent is not counted again. Letters of intent and framework agreements
are evidence and sign nothing, so they never come here. What was signed and does not count is kept with its reason.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from enum import StrEnum
from typing import Any
from uuid import UUID

from services.intake.domain.statistics.periods import Period, month_of, quarter_of, year_of
from services.intake.domain.terms import KIND_NAMES, HoldStatus, wan_as_yi
from shared.contracts.project_records import CapitalSource
from shared.contracts.projects import ProjectKind
from shared.contracts.statistics import Change, SigningDifference


class Reason(StrEnum):
    """Why a signing does not count."""

    NOT_SIGNED = "not_signed"
    UNDATED = "undated"
    OUTSIDE = "outside"
    STRUCK_OFF = "struck_off"
    TERMINATED = "terminated"
    BELOW = "below"


REASON_NAMES: Mapping[Reason, str] = {
    Reason.NOT_SIGNED: "签约记录已更正撤销",
    Reason.UNDATED: "签约日期不详",
    Reason.OUTSIDE: "签约日期不在期内",
    Reason.STRUCK_OFF: "项目记录不实，已剔除",
    Reason.TERMINATED: "已终止",
    Reason.BELOW: "未达到统计起点",
}


class Dimension(StrEnum):
    """By what a report is broken down. Each counted project stands in one group of each."""

    CHAIN = "chain"
    UNIT = "unit"
    PARK = "park"
    CAPITAL = "capital"
    KIND = "kind"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


DIMENSION_NAMES: Mapping[Dimension, str] = {
    Dimension.CHAIN: "产业链",
    Dimension.UNIT: "责任单位",
    Dimension.PARK: "园区",
    Dimension.CAPITAL: "资金来源",
    Dimension.KIND: "项目类型",
    Dimension.MONTH: "月份",
    Dimension.QUARTER: "季度",
    Dimension.YEAR: "年度",
}


@dataclass(frozen=True, slots=True)
class Policy:
    """What counts, as data. `tiers_wan`: amounts in whole 万元 that are counted from, rising; the first is the least.

    `count_terminated`: whether a signing still counts when the project was terminated later; what was struck off never
    does.
    """

    version: str
    tiers_wan: tuple[int, ...]
    count_terminated: bool

    def __post_init__(self) -> None:
        if not self.version or not self.tiers_wan or list(self.tiers_wan) != sorted(set(self.tiers_wan)):
            raise ValueError("a policy of statistics needs a version, and tiers that rise")
        if self.tiers_wan[0] <= 0:
            raise ValueError("a tier is an amount above zero")

    @property
    def least_wan(self) -> int:
        return self.tiers_wan[0]


def policy_from(data: Mapping[str, Any]) -> Policy:
    """Raises ValueError or KeyError where it is none."""
    return Policy(data["version"], tuple(data["tiers_wan"]), data["count_terminated"])


def policy_as_data(policy: Policy) -> dict[str, Any]:
    """What `policy_from` reads."""
    return asdict(policy) | {"tiers_wan": list(policy.tiers_wan)}


@dataclass(frozen=True, slots=True)
class Signing:
    """A project as the statistics see it. `signed_on`: of its first formal contract; None where nobody knows the day.

    `amount_wan`: that contract's, the increment for a 增资; where none was recorded, the total investment. `chain_id`:
    the chain it belonged to on that day. `signed`: whether it stands as signed.
    """

    project_id: UUID
    code: str
    name: str
    kind: ProjectKind
    chain_id: UUID
    org_id: UUID
    amount_wan: int
    signed_on: date | None
    signed: bool = True
    park_id: UUID | None = None
    chain_name: str = ""
    org_name: str = ""
    park_name: str = ""
    capital_source: CapitalSource | None = None
    hold_status: HoldStatus = HoldStatus.ACTIVE


@dataclass(frozen=True, slots=True)
class Tier:
    """How many projects reach an amount, and what they come to. Whole 万元."""

    at_least_wan: int
    count: int
    total_wan: int


@dataclass(frozen=True, slots=True)
class Figures:
    """What a set of counted projects comes to; the first tier is the whole."""

    count: int
    total_wan: int
    tiers: tuple[Tier, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """`key`: a record's id, a kind, or a period's label; empty where the projects have none. `name`: for people."""

    key: str
    name: str
    figures: Figures


@dataclass(frozen=True, slots=True)
class Report:
    """The signings of a period: those that count, by day and code, and those that do not, with the reason."""

    period: Period
    policy: Policy
    counted: tuple[Signing, ...]
    left_out: tuple[tuple[Signing, Reason], ...]

    @property
    def figures(self) -> Figures:
        return figures_of((signing.amount_wan for signing in self.counted), self.policy)


def reason_against(signing: Signing, period: Period, policy: Policy) -> Reason | None:
    """Why a signing does not count in a period; None where it counts. All that decides about counting is here.

    The period's first and last day are in it; an amount of exactly the least counts.
    """
    if signing.hold_status is HoldStatus.STRUCK_OFF:
        return Reason.STRUCK_OFF
    if not signing.signed:
        return Reason.NOT_SIGNED
    if signing.hold_status is HoldStatus.TERMINATED and not policy.count_terminated:
        return Reason.TERMINATED
    if signing.signed_on is None:
        return Reason.UNDATED
    if signing.signed_on not in period:
        return Reason.OUTSIDE
    if signing.amount_wan < policy.least_wan:
        return Reason.BELOW
    return None


def report(signings: Iterable[Signing], period: Period, policy: Policy) -> Report:
    """Sort signings into those that count in a period and those that do not; each project once."""
    once = {signing.project_id: signing for signing in signings}
    judged = [(signing, reason_against(signing, period, policy)) for signing in sorted(once.values(), key=_in_order)]
    return Report(
        period,
        policy,
        tuple(signing for signing, reason in judged if reason is None),
        tuple((signing, reason) for signing, reason in judged if reason is not None),
    )


def figures_of(amounts_wan: Iterable[int], policy: Policy) -> Figures:
    """Count and sum; for each tier, of those that reach it."""
    amounts = list(amounts_wan)
    tiers = []
    for least in policy.tiers_wan:
        reaching = [amount for amount in amounts if amount >= least]
        tiers.append(Tier(least, len(reaching), sum(reaching)))
    return Figures(len(amounts), sum(amounts), tuple(tiers))


Key = tuple[str, str]
"""What a group is known by, and its name."""

KEYS: Mapping[Dimension, Callable[[Signing], Key]] = {
    Dimension.CHAIN: lambda signing: (str(signing.chain_id), signing.chain_name),
    Dimension.UNIT: lambda signing: (str(signing.org_id), signing.org_name),
    Dimension.PARK: lambda signing: (str(signing.park_id), signing.park_name) if signing.park_id else ("", "不在园区"),
    Dimension.CAPITAL: lambda signing: (signing.capital_source or "", CAPITAL_NAMES[signing.capital_source]),
    Dimension.KIND: lambda signing: (signing.kind, KIND_NAMES[signing.kind]),
    Dimension.MONTH: lambda signing: _named(month_of(_day_of(signing))),
    Dimension.QUARTER: lambda signing: _named(quarter_of(_day_of(signing))),
    Dimension.YEAR: lambda signing: _named(year_of(_day_of(signing))),
}
CAPITAL_NAMES: Mapping[CapitalSource | None, str] = {
    CapitalSource.DOMESTIC: "内资",
    CapitalSource.FOREIGN: "外资",
    None: "未填报",
}
BY_TIME = frozenset({Dimension.MONTH, Dimension.QUARTER, Dimension.YEAR})


def groups(found: Report, dimension: Dimension) -> tuple[Group, ...]:
    """What counts, broken down: each project in one group, so that the groups add up to the whole. The largest first;
    periods in their order."""
    amounts: dict[Key, list[int]] = {}
    for signing in found.counted:
        amounts.setdefault(KEYS[dimension](signing), []).append(signing.amount_wan)
    made = [Group(key, name, figures_of(of, found.policy)) for (key, name), of in amounts.items()]
    if dimension in BY_TIME:
        return tuple(sorted(made, key=lambda group: group.key))
    return tuple(sorted(made, key=lambda group: (-group.figures.total_wan, group.key)))


def headline(period: Period, figures: Figures, policy: Policy) -> str:
    """The sentence that a report is known by: so many signed from 1亿元 on, so much in all, so many from 30亿元 on."""
    least = wan_as_yi(policy.least_wan)
    text = f"{period.words}，新签约{least}亿元及以上项目{figures.count}个，总投资{wan_as_yi(figures.total_wan)}亿元"
    if len(figures.tiers) > 1:
        top = figures.tiers[-1]
        text += f"，其中{wan_as_yi(top.at_least_wan)}亿元及以上项目{top.count}个"
    return f"{text}。"


def differences(before: Sequence[Signing], present: Report) -> tuple[SigningDifference, ...]:
    """Project by project what counts now and was not stated, no longer counts, or counts with another day or amount.

    `before`: the signings that were stated. `present` judges at least those, and all that were signed in the period.
    """
    was = {item.project_id: item for item in before}
    now = {signing.project_id: signing for signing in present.counted}
    reasons = {signing.project_id: reason for signing, reason in present.left_out}
    found = [_removed(item, reasons.get(item.project_id)) for item in before if item.project_id not in now]
    for item in now.values():
        if item.project_id not in was:
            found.append(_difference(item, Change.ADDED, None, item.amount_wan, "公布后补录或符合统计口径"))
        elif told := _amended(was[item.project_id], item):
            earlier = was[item.project_id].amount_wan
            found.append(_difference(item, Change.AMENDED, earlier, item.amount_wan, told))
    return tuple(sorted(found, key=lambda difference: difference.code))


def explained(found: Sequence[SigningDifference]) -> str:
    """The differences in one sentence each, as a 更正 reads."""
    return "；".join(_sentence(difference) for difference in found)


def _removed(item: Signing, reason: Reason | None) -> SigningDifference:
    told = REASON_NAMES[reason] if reason else "项目记录已不存在"
    return _difference(item, Change.REMOVED, item.amount_wan, None, told)


def _amended(before: Signing, after: Signing) -> str:
    parts = []
    if before.amount_wan != after.amount_wan:
        parts.append("签约金额已更正")
    if before.signed_on != after.signed_on:
        parts.append(f"签约日期由{before.signed_on}更正为{after.signed_on}")
    return "，".join(parts)


def _difference(
    item: Signing, change: Change, before_wan: int | None, after_wan: int | None, why: str
) -> SigningDifference:
    return SigningDifference(
        project_id=item.project_id,
        code=item.code,
        name=item.name,
        change=change,
        before_wan=before_wan,
        after_wan=after_wan,
        reason=why,
    )


def _sentence(item: SigningDifference) -> str:
    name = f"“{item.name}”（{item.code}）"
    if item.before_wan is None:
        return f"增加{name}{_yi(item.after_wan)}：{item.reason}"
    if item.after_wan is None:
        return f"核减{name}{_yi(item.before_wan)}：{item.reason}"
    if item.before_wan == item.after_wan:
        return f"{name}{item.reason}"
    return f"{name}由{_yi(item.before_wan)}改为{_yi(item.after_wan)}：{item.reason}"


def _yi(amount_wan: int | None) -> str:
    return f"{wan_as_yi(amount_wan or 0)}亿元"


def _named(period: Period) -> Key:
    return period.label, period.words


def _day_of(signing: Signing) -> date:
    assert signing.signed_on is not None, "what counts has a day"
    return signing.signed_on


def _in_order(signing: Signing) -> tuple[date, str]:
    return signing.signed_on or date.max, signing.code
