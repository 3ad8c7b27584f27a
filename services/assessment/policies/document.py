"""The policy's document: YAML read by closed models, refused with every place and reason, turned into the domain's.

The document's shape is that of these models (policy.schema.json is written from them); default.yaml is the default
one, docs/policy.md tells people what each entry means.
"""

from collections.abc import Iterator, Mapping
from datetime import date, time
from decimal import Decimal
from itertools import combinations, pairwise, product
from pathlib import Path
from string import Formatter
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from services.assessment.domain import policy as domain
from services.assessment.domain.policy import Fault, Policy, PolicyDocument, PolicyRefused, Scope
from services.assessment.policies import yaml_text
from services.assessment.policies.reasons import path_of, place_of, reason_of
from shared.contracts.programme import ChainCategory, Tier
from shared.contracts.projects import ProjectKind
from shared.contracts.supervision import Document, ObligationKind

DEFAULT = Path(__file__).with_name("default.yaml")
_WHOLE = "policy"
_OLD = "这是旧格式的督办规则，已不再读取：请按 docs/policy.md 改写为现行格式，并换一个新的 version"
_MOST = 50
_Flaws = Iterator[tuple[yaml_text.Path, str]]


def read_file(path: Path | None) -> dict[str, Any]:
    """The data of a policy's file, checked; of the default one when none is named.

    Raises:
        PolicyRefused: see `parse_policy`.
        ValueError: the file is not UTF-8.
    """
    read = yaml_text.read((path or DEFAULT).read_text(encoding="utf-8"))
    _checked(read)
    data: dict[str, Any] = read.data
    return data


def parse_policy(text: str) -> PolicyDocument:
    """The policy that a YAML text describes, with its rule sets.

    Raises:
        PolicyRefused: it is no YAML, or something in it is missing, unknown, of the wrong kind, or contradicts itself;
            each with its line.
    """
    return _checked(yaml_text.read(text)).document()


def read_data(given: str | Mapping[str, Any]) -> tuple[PolicyDocument, Mapping[str, Any]]:
    """The policy of a YAML text, or of its data, with the data.

    Raises:
        PolicyRefused: see `parse_policy`.
    """
    read = yaml_text.read(given) if isinstance(given, str) else yaml_text.Text(given)
    return _checked(read).document(), read.data


def read_document(data: Mapping[str, Any]) -> PolicyDocument:
    """The same from its data, as `read_file` gives it or JSON holds it.

    Raises:
        PolicyRefused: see `parse_policy`; without lines.
    """
    return _checked(yaml_text.Text(data)).document()


def read_policy(data: Mapping[str, Any]) -> Policy:
    """The policy that holds where no rule set does. Raises: as `read_document`."""
    return read_document(data).base


def _checked(read: yaml_text.Text) -> "PolicyFile":
    faults = [Fault(place_of(one.path, whole=_WHOLE), one.reason, one.line) for one in read.flaws]
    if isinstance(read.data, Mapping) and "rung" in read.data and "rungs" not in read.data:
        raise PolicyRefused([Fault("rung", _OLD, read.line_of(("rung",)))])
    document = None
    if read.data is not None or not faults:
        try:
            document = PolicyFile.model_validate(read.data)
        except ValidationError as error:
            faults += [_fault(path, reason, read) for path, reason in _told(error)]
    if document is not None:
        faults += [_fault(path, reason, read) for path, reason in document.contradictions()]
    if document is None or faults:
        raise PolicyRefused(sorted(faults, key=lambda one: one.line or 0))
    return document


def _told(error: ValidationError) -> _Flaws:
    """Without those of a list that lacks what was refused in it."""
    told = [(path_of(one["loc"]), reason_of(one)) for one in error.errors(include_url=False)]
    paths = {path for path, _ in told}
    for path, reason in told:
        if not any(len(other) > len(path) and other[: len(path)] == path for other in paths):
            yield path, reason


def _fault(path: yaml_text.Path, reason: str, read: yaml_text.Text) -> Fault:
    return Fault(place_of(path, whole=_WHOLE), reason, read.line_of(path))


def _hour(written: str) -> str:
    try:
        time.fromisoformat(written)
    except ValueError as error:
        raise ValueError(f"“{written}”不是时间，应如 09:00") from error
    return written


def _number_form(form: str) -> str:
    try:
        fields = {name for _, name, _, _ in Formatter().parse(form) if name is not None}
    except ValueError:
        fields = set()
    if fields != {"year", "n"} or form.count("{") != 2:
        raise ValueError("必须含 {year} 和 {n} 各一次，且大括号内不得有其他内容")
    return form


Version = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\s/?#%]+$")]
Hour = Annotated[str, Field(pattern=r"^\d\d:\d\d$"), AfterValidator(_hour)]
NumberForm = Annotated[str, Field(min_length=1, max_length=50), AfterValidator(_number_form)]
Days = Annotated[int, Field(strict=True, ge=1, le=1000)]
DaysOrNone = Annotated[int, Field(strict=True, ge=0, le=1000)]
Months = Annotated[int, Field(strict=True, ge=1, le=120)]
Percent = Annotated[int, Field(strict=True, ge=0, le=100)]
Tiers = Annotated[tuple[Tier, ...], Field(min_length=1, max_length=len(Tier))]
Copies = Annotated[tuple[Tier, ...], Field(max_length=len(Tier))]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Firing(_Part):
    """督办动作的时段：北京时间，工作日；until 须晚于 at。"""

    at: Hour
    until: Hour


class _Reminder(_Part):
    """到期前提醒：提前的工作日数，发给谁。"""

    days_before: Days
    to: Tiers


class _Rung(_Part):
    """阶梯的一级：到期后第几个工作日，什么文书，主送与抄送，几个工作日内回复，是否编号。"""

    number: Annotated[int, Field(strict=True, ge=1, le=_MOST)]
    after_days: Days
    document: Literal[Document.URGE, Document.LETTER, Document.TALK, Document.TALK_CHIEF, Document.CIRCULAR]
    to: Tiers
    copy_to: Annotated[Copies, Field(alias="copy")] = ()
    reply_within_days: Days | None = None
    numbered: Annotated[bool, Field(strict=True)] = False

    def rung(self) -> domain.Rung:
        return domain.Rung(
            number=self.number,
            after_days=self.after_days,
            document=Document(self.document),
            to=self.to,
            copy=self.copy_to,
            reply_within_days=self.reply_within_days,
            numbered=self.numbered,
        )


Rungs = Annotated[tuple[_Rung, ...], Field(min_length=1, max_length=_MOST)]


class _Pauses(_Part):
    """什么使阶梯暂停：签收（每级一次）暂停的工作日数；反馈承诺的日期最远多少个工作日。"""

    acknowledgement_days: DaysOrNone
    commitment_within_days: Days


class _Closing(_Part):
    """办结通知，除最后一级的主送对象外还发给谁。"""

    to: Tiers


class _Numbers(_Part):
    """编号格式：{year} 为年份，{n} 为当年序号。"""

    case: NumberForm
    letter: NumberForm


class _Raise(_Part):
    """连续几个月末红灯，提前升至第几级。"""

    month_end_reds: Annotated[int, Field(strict=True, ge=1, le=120)]
    to_rung: Annotated[int, Field(strict=True, ge=2, le=_MOST)]


class _Start(_Part):
    """开工灯：计划开工月（含）以来未开工的月末数，达到即亮。"""

    yellow_from_months: Months
    red_from_months: Months
    raises: Annotated[tuple[_Raise, ...], Field(max_length=_MOST)] = ()

    def rule(self) -> domain.StartRule:
        raises = tuple(domain.Raise(one.month_end_reds, one.to_rung) for one in self.raises)
        return domain.StartRule(self.yellow_from_months, self.red_from_months, raises)


class _Points(_Part):
    """黄灯的范围：落后序时进度的百分点，两端是否含在内。"""

    from_points: Percent
    to_points: Percent
    includes: Literal["both", "from", "to", "neither"]


class _Pace(_Part):
    """进度灯：低于黄灯范围为绿，高于为红。"""

    yellow: _Points

    def rule(self) -> domain.PaceRule:
        low, high, ends = Decimal(self.yellow.from_points), Decimal(self.yellow.to_points), self.yellow.includes
        return domain.PaceRule(low, high, ends in ("both", "from"), ends in ("both", "to"))


class _Ratio(_Part):
    """年内累计灯：完成数占序时进度的百分比，达到 green_from_percent 为绿，达到 yellow_from_percent 为黄，否则为红。"""

    green_from_percent: Percent
    yellow_from_percent: Percent

    def rule(self) -> domain.RatioRule:
        return domain.RatioRule(Decimal(self.green_from_percent), Decimal(self.yellow_from_percent))


class _Ticket(_Part):
    """事项灯：剩余工作日不多于此数为黄，逾期为红。"""

    yellow_up_to_days: DaysOrNone


class _Lights(_Part):
    start: _Start
    pace: _Pace
    ratio: _Ratio
    ticket: _Ticket


class _Report(_Part):
    """在建项目月报：每月几日前报送；不督办的，不形成事项，也不提醒、不立件。"""

    day: Annotated[int, Field(strict=True, ge=1, le=28)]
    supervised: Annotated[bool, Field(strict=True)] = True


class _Landing(_Part):
    """签约后应在几个月内落地。"""

    within_months: Months


class _Termination(_Part):
    """超过约定开工日期几个月未开工，提请终止。"""

    proposed_after_months: Months


class _Commendation(_Part):
    """提前几个工作日完成拟表扬，报给谁，抄送谁。"""

    early_days: Days
    to: Tiers
    copy_to: Annotated[Copies, Field(alias="copy")] = ()


class _Whole(_Part):
    """What a rule set may say otherwise. Hours and numbers are one for all: counters and mornings are shared."""

    reminder: _Reminder
    rungs: Rungs
    pauses: _Pauses
    closing: _Closing
    lights: _Lights
    report: _Report
    landing: _Landing
    termination: _Termination
    commendation: _Commendation

    def clashes(self, *, with_lights: bool = True) -> _Flaws:
        """What contradicts what, each entry being sound by itself."""
        yield from _of_rungs(self.rungs)
        if with_lights:
            yield from _of_lights(self.lights, top=len(self.rungs))


class _Scope(_Part):
    """适用范围：产业链类别、项目性质、事项类别，至少写一项；写明事项类别的优先，其次写得多的优先。"""

    category: ChainCategory | None = None
    kind: ProjectKind | None = None
    obligation: ObligationKind | None = None

    def scope(self) -> Scope:
        return Scope(self.category, self.kind, self.obligation)


class _OtherLights(_Part):
    """与基本规则不同的灯。"""

    start: _Start | None = None
    pace: _Pace | None = None
    ratio: _Ratio | None = None
    ticket: _Ticket | None = None


class _RuleSet(_Part):
    """规则组：在适用范围内替代基本规则的部分。写了哪一项就整项替代，没有写的从基本规则；lights 按灯替代。"""

    name: Annotated[str, Field(min_length=1, max_length=50, pattern=r"^\S(.*\S)?$")]
    scope: Annotated[_Scope, Field(alias="for")]
    reminder: _Reminder | None = None
    rungs: Rungs | None = None
    pauses: _Pauses | None = None
    closing: _Closing | None = None
    lights: _OtherLights | None = None
    report: _Report | None = None
    landing: _Landing | None = None
    termination: _Termination | None = None
    commendation: _Commendation | None = None

    @property
    def says(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.model_fields_set - {"name", "scope"}}

    def over(self, base: "PolicyFile") -> "PolicyFile":
        """The whole policy as it is in this rule set's scope."""
        says = self.says
        if self.lights is not None:
            lights = {name: getattr(self.lights, name) for name in self.lights.model_fields_set}
            says["lights"] = base.lights.model_copy(update=lights)
        return base.model_copy(update=says)

    def contradictions(self, base: "PolicyFile") -> _Flaws:
        lights = self.lights.model_fields_set if self.lights else set()
        empty: list[yaml_text.Path] = [(name,) for name, value in self.says.items() if value is None]
        empty += [("lights", name) for name in lights if getattr(self.lights, name) is None]
        for path in sorted(empty):
            yield path, "不能为空；与基本规则相同的，整项删去"
        if self.scope.scope().precision == 0:
            yield ("for",), "category（产业链类别）、kind（项目性质）、obligation（事项类别）至少写一项"
        if not self.says:
            yield (), "没有写与基本规则不同的内容"
        if empty:
            return
        of_projects = self.scope.obligation is None
        if not of_projects and lights - {"ticket"}:
            yield ("lights",), "写明 obligation（事项类别）的规则组只能改 ticket：其他的灯是项目的灯，不分事项类别"
            return
        known = set(base.clashes())
        for path, reason in self.over(base).clashes(with_lights=of_projects):
            if (path, reason) not in known:
                yield (path if path[0] in self.says else ("rungs",)), reason


class PolicyFile(_Whole):
    """督办规则。除注明者外，天数均为国家公布的工作日；各项说明见 docs/policy.md。"""

    model_config = ConfigDict(title="督办规则")

    version: Version
    in_force_from: date | None = None
    firing: _Firing
    numbers: _Numbers
    rule_sets: Annotated[tuple[_RuleSet, ...], Field(max_length=_MOST)] = ()

    def contradictions(self) -> _Flaws:
        if self.firing.at >= self.firing.until:
            yield ("firing", "until"), f"必须晚于 at（{self.firing.at}）"
        yield from self.clashes()
        for index, one in enumerate(self.rule_sets):
            for path, reason in one.contradictions(self):
                yield ("rule_sets", index, *path), reason
        yield from _ties(self.rule_sets)

    def document(self) -> PolicyDocument:
        sets = tuple((one.scope.scope(), one.over(self).policy(one.name)) for one in self.rule_sets)
        return PolicyDocument(self.policy(), sets, self.in_force_from)

    def policy(self, rule_set: str = "") -> Policy:
        return Policy(
            version=self.version,
            fires_at=time.fromisoformat(self.firing.at),
            fires_until=time.fromisoformat(self.firing.until),
            remind_days_before=self.reminder.days_before,
            remind_to=self.reminder.to,
            acknowledgement_holds_days=self.pauses.acknowledgement_days,
            commitment_within_days=self.pauses.commitment_within_days,
            case_number=self.numbers.case,
            letter_number=self.numbers.letter,
            rungs=tuple(one.rung() for one in self.rungs),
            closing_to=self.closing.to,
            start_light=self.lights.start.rule(),
            pace_light=self.lights.pace.rule(),
            ratio_light=self.lights.ratio.rule(),
            ticket_yellow_up_to_days=self.lights.ticket.yellow_up_to_days,
            report_day=self.report.day,
            reports_are_supervised=self.report.supervised,
            land_within_months=self.landing.within_months,
            termination_after_months=self.termination.proposed_after_months,
            commend_early_days=self.commendation.early_days,
            commend_to=self.commendation.to,
            commend_copy=self.commendation.copy_to,
            rule_set=rule_set,
        )


def _of_rungs(rungs: tuple[_Rung, ...]) -> _Flaws:
    for index, rung in enumerate(rungs):
        if rung.number != index + 1:
            yield ("rungs", index, "number"), f"应为{index + 1}：各级自1起按顺序排列"
    for index, (below, above) in enumerate(pairwise(rungs), 1):
        if above.after_days <= below.after_days:
            yield ("rungs", index, "after_days"), f"必须大于下一级的天数（{below.after_days}）"


def _of_lights(lights: _Lights, *, top: int) -> _Flaws:
    start, pace, ratio = lights.start, lights.pace.yellow, lights.ratio
    if start.red_from_months <= start.yellow_from_months:
        yield ("lights", "start", "red_from_months"), f"必须大于 yellow_from_months（{start.yellow_from_months}）"
    for index, one in enumerate(start.raises):
        if one.to_rung > top:
            yield ("lights", "start", "raises", index, "to_rung"), f"没有第{one.to_rung}级，最高第{top}级"
    if pace.to_points <= pace.from_points:
        yield ("lights", "pace", "yellow", "to_points"), f"必须大于 from_points（{pace.from_points}）"
    if ratio.yellow_from_percent >= ratio.green_from_percent:
        limit = ratio.green_from_percent
        yield ("lights", "ratio", "yellow_from_percent"), f"必须小于 green_from_percent（{limit}）"


def _ties(rule_sets: tuple[_RuleSet, ...]) -> _Flaws:
    """Rule sets of one name, and those of which neither is more precise where both hold."""
    scopes = [one.scope.scope() for one in rule_sets]
    for (one, first), (other, second) in combinations(enumerate(rule_sets), 2):
        if first.name == second.name:
            yield ("rule_sets", other, "name"), f"“{second.name}”已用于第{one + 1}个规则组"
        if tied := _tied(scopes[one], scopes[other], scopes):
            yield (
                ("rule_sets", other, "for"),
                f"与“{first.name}”同样具体，{tied}的项目应适用“{first.name}”还是“{second.name}”无从确定："
                "请改写其中一个的范围，或另写一个把两者的范围都写明的规则组",
            )


def _tied(one: Scope, other: Scope, scopes: list[Scope]) -> str:
    """Where both hold, and nothing more precise does; empty for nowhere."""
    if one.precision != other.precision:
        return ""
    for asked in product((*ChainCategory, None), (*ProjectKind, None), (*ObligationKind, None)):
        if one.covers(*asked) and other.covers(*asked):
            most = max(scope.precision for scope in scopes if scope.covers(*asked))
            if most == one.precision:
                return "、".join(str(part) for part in asked if part is not None)
    return ""
