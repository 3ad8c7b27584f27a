"""What an import changes of a project, field by field, in the words that officials read."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from uuid import UUID

from services.intake.domain.drafts import Difference, Field
from services.intake.domain.imports.directory import Directory
from services.intake.domain.organisation.programme import Chain, Organisation
from services.intake.domain.projects.project import Project
from services.intake.domain.projects.timetable import Milestone
from services.intake.domain.terms import MILESTONE_NAMES, STAGE_NAMES, MilestoneStatus
from shared.contracts.projects import Stage

NAMES = {
    Field.NAME: "项目名称",
    Field.CHAIN: "所属产业链",
    Field.RESPONSIBLE_ORG: "责任单位",
    Field.TOTAL_INVESTMENT: "总投资",
    Field.SIGNED_AMOUNT: "签约金额",
    Field.STAGE: "当前阶段",
    Field.SIGNED_ON: "签约时间",
    Field.STARTED_ON: "开工时间",
    Field.REACHED_ON: "进入当前阶段时间",
    Field.OUTPUT_RATIO: "达产倍数",
}
_OWN_DAYS = {Stage.SIGNED: Field.SIGNED_ON, Stage.STARTED: Field.STARTED_ON}


@dataclass(frozen=True, slots=True)
class _Named:
    """Records by id, as a directory knows them."""

    directory: Directory

    def chain(self, id: UUID) -> str:
        return _named(self.directory.chains.values(), id)

    def organisation(self, id: UUID) -> str:
        return _named(self.directory.organisations.values(), id)

    def post(self, id: UUID) -> str:
        posts = (post for posts in self.directory.posts_of.values() for post in posts)
        return next((post.title for post in posts if post.id == id), str(id))


def differences(before: Project, after: Project, directory: Directory) -> tuple[Difference, ...]:
    """Every field that is another one after than it was before; none where nothing changed."""
    named = _Named(directory)
    return (*_of_fields(before, after, named), *_of_days(before, after), *_of_lines(before, after, named))


def _of_fields(before: Project, after: Project, named: _Named) -> Iterator[Difference]:
    pairs = (
        (Field.NAME, before.name, after.name),
        (Field.CHAIN, named.chain(before.chain_id), named.chain(after.chain_id)),
        (
            Field.RESPONSIBLE_ORG,
            named.organisation(before.responsible_org_id),
            named.organisation(after.responsible_org_id),
        ),
        (Field.TOTAL_INVESTMENT, _wan(before.total_investment_wan), _wan(after.total_investment_wan)),
        (Field.SIGNED_AMOUNT, _wan(before.signed_amount_wan), _wan(after.signed_amount_wan)),
        (Field.STAGE, STAGE_NAMES[before.stage], STAGE_NAMES[after.stage]),
        (Field.OUTPUT_RATIO, str(before.output_ratio or ""), str(after.output_ratio or "")),
    )
    return (Difference(field, NAMES[field], old, new) for field, old, new in pairs if old != new)


def _of_days(before: Project, after: Project) -> Iterator[Difference]:
    for stage, day in after.reached.items():
        known = before.reached.get(stage)
        if known != day:
            field = _OWN_DAYS.get(stage, Field.REACHED_ON)
            yield Difference(field, f"{STAGE_NAMES[stage]}时间", str(known or ""), str(day))


def _of_lines(before: Project, after: Project, named: _Named) -> Iterator[Difference]:
    for line in after.milestones.values():
        known = before.milestones.get(line.id)
        if known != line:
            yield from _of_line(known, line, named)


def _of_line(known: Milestone | None, line: Milestone, named: _Named) -> Iterator[Difference]:
    old, new = _shown(known) if known else "", _shown(line)
    if old != new:
        yield Difference(Field.MILESTONE, f"节点“{line.name}”", old, new, line.name)
    if known is None or known.responsible_post_id != line.responsible_post_id:
        post = named.post(known.responsible_post_id) if known else ""
        what = f"节点“{line.name}”责任岗位"
        yield Difference(Field.RESPONSIBLE_POST, what, post, named.post(line.responsible_post_id), line.name)


def _shown(line: Milestone) -> str:
    if line.status is MilestoneStatus.OPEN:
        return str(line.due_on)
    return f"{line.due_on}（{MILESTONE_NAMES[line.status]}）"


def _wan(amount: int | None) -> str:
    return "" if amount is None else f"{amount}万元"


def _named(records: Iterable[Chain | Organisation], id: UUID) -> str:
    return next((record.name for record in records if record.id == id), str(id))
