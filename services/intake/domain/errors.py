"""What record keeping refuses, named after the rule; each says in Chinese what is wrong and how to mend it."""

from collections.abc import Collection, Sequence
from datetime import date
from uuid import UUID

from services.intake.domain.terms import (
    HOLD_NAMES,
    MILESTONE_NAMES,
    STAGE_NAMES,
    STAGES,
    HoldStatus,
    MilestoneStatus,
    evidence_name,
    stage_names,
)
from shared.contracts.projects import Stage
from shared.kit.errors import Conflict, Invalid, NotAllowed, NotFound


class RecordMissing(NotFound):
    """There is no record of this kind under this id (`what` in Chinese)."""

    def __init__(self, what: str, key: object) -> None:
        super().__init__(f"没有这个{what}", what=what, key=str(key))


class UnknownReference(Invalid):
    """The input names a record that does not exist (`what` in Chinese, `field` where it was named).

    A chain that was merged and a 专班 that was dissolved are there for what was, not for what is new.
    """

    def __init__(self, what: str, key: object, *, field: str) -> None:
        ended = "，或已撤并" if what in ("产业链", "责任单位") else ""
        super().__init__(f"所填的{what}不存在{ended}", what=what, key=str(key), field=field)


class NotYourChain(NotAllowed):
    """The caller holds posts of other chains only."""

    def __init__(self, chain_ids: Collection[UUID]) -> None:
        super().__init__("您任职的岗位不负责这条产业链", chain_ids=sorted(map(str, chain_ids)))


class VersionRequired(Invalid):
    """The change needs the version of the project that its caller read."""

    def __init__(self, project_id: UUID) -> None:
        super().__init__("修改时须用 version 带上所读的项目版本", project_id=str(project_id))


class StageNotAllowed(Conflict):
    """The stage does not follow the present one; `allowed` are those that do, `missing` those that must come before."""

    def __init__(self, *, current: Stage, target: Stage, allowed: tuple[Stage, ...]) -> None:
        super().__init__(
            _stage_message(current, target, allowed),
            current=current,
            target=target,
            allowed=list(allowed),
            missing=list(missing_before(target, allowed)),
        )


class EvidenceMissing(Invalid):
    """The stage asks for evidence that was not given; `needed` are evidence kinds, all of them or any."""

    def __init__(self, *, target: Stage, needed: Sequence[str], any_of: bool, given: Sequence[str]) -> None:
        joined = ("或" if any_of else "和").join(evidence_name(kind) for kind in needed)
        offered = f"（已提交：{'、'.join(evidence_name(kind) for kind in given)}）" if given else ""
        hint = "；意向书、框架协议不算签约" if target is Stage.SIGNED else ""
        super().__init__(
            f"转为“{STAGE_NAMES[target]}”须提交{joined}{offered}{hint}",
            target=target,
            needed=list(needed),
            any_of=any_of,
            given=list(given),
        )


class DateNotAllowed(Invalid):
    """A day lies in the future, or before what must come first. `what` names the day in Chinese."""

    def __init__(self, message: str, *, what: str, day: date, limit: date) -> None:
        super().__init__(message, what=what, day=day.isoformat(), limit=limit.isoformat())


class DayStands(Conflict):
    """The day of a stage is known already; another one needs a correction, not a revision."""

    def __init__(self, stage: Stage, *, known: date, given: date) -> None:
        message = f"{STAGE_NAMES[stage]}日期已登记为{known}，与{given}不一致；更正须另行办理"
        super().__init__(message, stage=stage, known=known.isoformat(), given=given.isoformat())


class AmountStands(Conflict):
    """The signed amount is known already; another one needs a correction, not a revision. Whole 万元."""

    def __init__(self, *, known: int, given: int) -> None:
        message = f"签约金额已登记为{known}万元，与{given}万元不一致；更正须另行办理"
        super().__init__(message, field="signed_amount_wan", known=known, given=given)


class FieldMissing(Invalid):
    """Something that must be filled in is empty."""

    def __init__(self, message: str, *, field: str) -> None:
        super().__init__(message, field=field)


class AmountNotAllowed(Invalid):
    def __init__(self, message: str, *, field: str, value: object) -> None:
        super().__init__(message, field=field, value=str(value))


class ValueNotAllowed(Invalid):
    """What a field holds breaks a rule of its kind; `field` is its name, `pointer` its place in the body."""

    def __init__(self, message: str, *, field: str) -> None:
        super().__init__(message, field=field, pointer=f"#/{field}")


class FilterNotAllowed(Invalid):
    """What a list is to be narrowed to makes no sense; `field` is the parameter."""

    def __init__(self, message: str, *, field: str) -> None:
        super().__init__(message, field=field)


class HoldNotAllowed(Conflict):
    """Hold, resume or terminate does not fit the project's present state."""

    def __init__(self, message: str, *, hold_status: HoldStatus, stage: Stage) -> None:
        super().__init__(message, hold_status=hold_status, stage=stage)


class ProjectNotActive(Conflict):
    """The project is held or terminated, and this cannot be done then."""

    def __init__(self, hold_status: HoldStatus) -> None:
        mend = "请先复工再办理" if hold_status is HoldStatus.HELD else "不能再变更"
        super().__init__(f"项目{HOLD_NAMES[hold_status]}，{mend}", hold_status=hold_status)


class MilestoneNotOpen(Conflict):
    def __init__(self, milestone_id: UUID, status: MilestoneStatus) -> None:
        super().__init__(f"该节点{MILESTONE_NAMES[status]}，不能再变更", milestone_id=str(milestone_id), status=status)


class MilestoneNotAllowed(Conflict):
    """A milestone that does not fit the timetable as it stands."""


class AlreadyExists(Conflict):
    """The same thing is recorded already; `id` is the record's."""

    def __init__(self, message: str, *, id: UUID | None = None, **details: object) -> None:
        super().__init__(message, **({"id": str(id)} if id else {}), **details)


class ParentNotAllowed(Invalid):
    """An organisation cannot be its own superior."""


class TermNotAllowed(Conflict):
    """A term of office that does not follow the one before it."""


def missing_before(target: Stage, allowed: tuple[Stage, ...]) -> tuple[Stage, ...]:
    """The stages that a project must still pass before `target`; `allowed`: those that may come next, the last of which
    may not be skipped."""
    return STAGES[STAGES.index(allowed[-1]) : STAGES.index(target)] if allowed else ()


def _stage_message(current: Stage, target: Stage, allowed: tuple[Stage, ...]) -> str:
    names = f"“{STAGE_NAMES[current]}”", f"“{STAGE_NAMES[target]}”"
    if target is current:
        return f"项目已处于{names[0]}阶段"
    if not allowed:
        return f"项目已{STAGE_NAMES[current]}，没有后续阶段"
    missing = missing_before(target, allowed)
    hint = f"，须先办理{stage_names(missing)}" if missing else ""
    return f"项目处于{names[0]}，不能直接转为{names[1]}{hint}；下一步可转为：{stage_names(allowed)}"
