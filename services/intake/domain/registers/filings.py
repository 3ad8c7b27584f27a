"""The filing of a register by a chain for a year (S6): called for, filed by its responsible post, or called off.

That a chain filed nothing is a statement too: it needs a reason.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from uuid import UUID

from services.intake.domain.errors import FieldMissing
from services.intake.domain.organisation.programme import Chain, Post
from services.intake.domain.registers import tasks
from services.intake.domain.registers.registers import Register
from services.intake.domain.registers.tasks import NewTask, Responsible, Task, Tasks
from services.intake.domain.terms import TIER_NAMES
from shared.contracts.event import Event
from shared.contracts.ids import filing_id
from shared.contracts.programme import Tier
from shared.contracts.projects import Source
from shared.contracts.registers import FilingCalled, FilingCalledOff, FilingFiled, TaskEvent, TaskKind
from shared.kit.errors import Conflict, Invalid, NotAllowed


class FilingStatus(StrEnum):
    CALLED = "called"
    FILED = "filed"
    CALLED_OFF = "called_off"


STATUS_NAMES = {
    FilingStatus.CALLED: "待申报",
    FilingStatus.FILED: "已申报",
    FilingStatus.CALLED_OFF: "已取消",
}


class FilingNotOpen(Conflict):
    """The filing was filed or called off."""

    def __init__(self, filing: "Filing") -> None:
        super().__init__(
            f"该申报{STATUS_NAMES[filing.status]}，不能再变更", filing_id=str(filing.id), status=filing.status
        )


class NotYourPost(NotAllowed):
    """The caller does not hold the post that answers for it."""

    def __init__(self, post_id: UUID) -> None:
        super().__init__("该申报由责任岗位的任职人员确认，您不在该岗位任职", post_id=str(post_id))


class NobodyAnswers(Invalid):
    """Chains without a single post of the tier that answers for the register."""

    def __init__(self, register: Register, tier: Tier, chains: Iterable[Chain]) -> None:
        found = list(chains)
        names = "、".join(chain.name for chain in found)
        super().__init__(
            f"{names}产业链没有唯一的{TIER_NAMES[tier]}岗位，请先设置岗位，或指明责任岗位",
            register=register.key,
            chain_ids=[str(chain.id) for chain in found],
            field="responsible_post_id",
        )


@dataclass(frozen=True, slots=True)
class Filing:
    """`entries`: how many the register had when it was filed; `reason`: why none, or why it was called off."""

    id: UUID
    register_key: str
    year: int
    chain_id: UUID
    status: FilingStatus = FilingStatus.CALLED
    filed_on: date | None = None
    entries: int | None = None
    reason: str = ""
    version: int = 0
    tasks: Tasks = field(default_factory=dict)

    @property
    def task(self) -> Task:
        return self.tasks[self.id]


@dataclass(frozen=True, slots=True)
class Call:
    """A call to file. `due_on`: the register's own day of the year where none is given; `post_id`: the chain's post of
    the register's tier where none is given."""

    year: int
    due_on: date | None = None
    post_id: UUID | None = None
    source: Source = Source.PLAN
    source_document: str = ""


def answering(register: Register, chain: Chain, posts: Iterable[Post]) -> Post | None:
    """The one post of the register's tier that answers for the chain; None where there is none, or several."""
    tier = register.require_filing().tier
    found = [post for post in posts if post.tier is tier and chain.id in post.chain_ids]
    return found[0] if len(found) == 1 else None


def call(register: Register, chain: Chain, call: Call, responsible: Responsible) -> list[Event]:
    """Call for a register's filing by a chain.

    Raises:
        RegisterNotSuited, ChainNotAllowed, YearNotAllowed.
    """
    rule = register.require_filing()
    register.require_chain(chain)
    register.require_year(call.year)
    id = filing_id(register.key, call.year, chain.id)
    name = f"{call.year}年度{register.name}申报"
    new = NewTask(name, call.due_on or rule.due_on(call.year), responsible, call.source, call.source_document)
    subject = f"{chain.name}：{name}"
    return [
        FilingCalled(
            filing_id=id, register_key=register.key, register_name=register.name, year=call.year, chain_id=chain.id
        ),
        *tasks.plan({}, id, new, subject_id=id, subject_name=subject, kind=TaskKind.FILING, chain_id=chain.id),
    ]


def file(filing: Filing, *, entries: int, reason: str, on: date) -> list[Event]:
    """State that the register is complete with this many entries; with none, for a reason."""
    _require_open(filing)
    if entries == 0 and not reason.strip():
        raise FieldMissing("没有条目的，须说明原因（零申报）", field="reason")
    return [
        FilingFiled(filing_id=filing.id, filed_on=on, entries=entries, reason=reason),
        *tasks.meet(filing.tasks, filing.id, met_on=on, today=on),
    ]


def call_off(filing: Filing, *, reason: str) -> list[Event]:
    _require_open(filing)
    cancelled = tasks.cancel(filing.tasks, filing.id, reason=reason)
    return [FilingCalledOff(filing_id=filing.id, reason=reason), *cancelled]


def revise(filing: Filing, *, due_on: date | None, reason: str, responsible: Responsible | None) -> list[Event]:
    """Another due day (with a reason), another post, or both."""
    _require_open(filing)
    events = tasks.replan(filing.tasks, filing.id, due_on=due_on, reason=reason) if due_on else []
    return events + (tasks.reassign(filing.tasks, filing.id, responsible) if responsible else [])


def fold(filing: Filing | None, events: Iterable[Event]) -> Filing:
    """The filing after these events, of which there is at least one where `filing` is None."""
    for event in events:
        filing = _evolved(filing, event)
    if filing is None:
        raise ValueError("no events and no filing")
    return filing


def _evolved(filing: Filing | None, event: Event) -> Filing:
    if isinstance(event, FilingCalled):
        return Filing(event.filing_id, event.register_key, event.year, event.chain_id, version=1)
    if filing is None:
        raise ValueError(f"{event.type} before the filing was called for")
    after = replace(filing, version=filing.version + 1)
    match event:
        case FilingFiled(filed_on=on, entries=entries, reason=reason):
            return replace(after, status=FilingStatus.FILED, filed_on=on, entries=entries, reason=reason)
        case FilingCalledOff(reason=reason):
            return replace(after, status=FilingStatus.CALLED_OFF, reason=reason)
        case TaskEvent():
            return replace(after, tasks=tasks.evolve(filing.tasks, event))
    raise ValueError(f"{event.type} is no event of a filing")


def _require_open(filing: Filing) -> None:
    if filing.status is not FilingStatus.CALLED:
        raise FilingNotOpen(filing)
