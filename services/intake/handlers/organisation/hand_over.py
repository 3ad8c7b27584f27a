"""A chain handed over from one post to another of its tier (链长分工调整, S3), with all that is the one's to do there.

One transaction and a constant number of statements, as when a chain is split or merged.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.domain.errors import UnknownReference
from services.intake.domain.organisation import reorganisation as domain
from services.intake.domain.organisation.programme import Chain, Post, fold_post
from services.intake.domain.organisation.reorganisation import Effective
from services.intake.domain.projects import profile as profiles
from services.intake.domain.projects import project as projects
from services.intake.domain.projects import support
from services.intake.domain.projects.profile import Profile
from services.intake.domain.projects.project import Project
from services.intake.domain.projects.support import Need
from services.intake.domain.projects.timetable import Lines
from services.intake.domain.registers import filings as filing_rules
from services.intake.domain.registers import tasks
from services.intake.domain.registers.filings import Filing
from services.intake.domain.registers.tasks import Responsible, TaskStatus
from services.intake.domain.requests import common_problems
from services.intake.domain.requests import requests as request_rules
from services.intake.domain.requests.common_problems import Problem, ProblemStatus
from services.intake.domain.requests.requests import Request, RequestStatus
from services.intake.domain.terms import HoldStatus
from services.intake.handlers.organisation.reorganisation import Decided, locked_chain
from services.intake.handlers.writing import append, lock_register, today
from services.intake.store.organisation import programme as store
from services.intake.store.organisation import reorganisation as found
from services.intake.store.organisation.reorganisation import Work
from services.intake.store.projects import profiles as profile_store
from services.intake.store.projects import projects as project_store
from services.intake.store.projects import support as need_store
from services.intake.store.registers import filings as filing_store
from services.intake.store.requests import requests as request_store
from shared.kit.web.http import By


@dataclass(frozen=True, slots=True)
class HandedOver:
    """What went from post to post: open lines, in how many projects; open needs; projects whose monthly reports are to
    be made; filings; requests and common problems that are being dealt with."""

    chain: Chain
    projects: int
    posts: tuple[UUID, UUID]
    lines: int
    needs: int
    reporting: int
    filings: int
    requests: int
    problems: int


@dataclass(frozen=True, slots=True)
class _Between:
    """From whom to whom, on which day, by whom."""

    giving: Post
    taking: Post
    effective: Effective
    by: str

    @property
    def responsible(self) -> Responsible:
        return Responsible.of(self.taking, self.effective.today)


async def hand_over_chain(
    chain_id: UUID,
    *,
    from_post_id: UUID,
    to_post_id: UUID,
    from_day: date,
    reason: str,
    expected: int | None,
    conn: AsyncConnection,
    by: By,
) -> HandedOver:
    """Give a chain from one post to another of its tier, with what is open of its work.

    Raises:
        HandOverNotAllowed, ChainNotOpen, DateNotAllowed.
    """
    await lock_register(conn=conn)
    work = await found.work_of(chain_id, from_post_id, conn=conn)
    heads = [chain_id, from_post_id, to_post_id, *(id for ids in work for id in ids)]
    chain = await locked_chain(chain_id, heads, expected=expected, conn=conn, by=by)
    effective = Effective(from_day, reason, today(by))
    effective.require(chain)
    posts = await store.posts(conn=conn, ids=[from_post_id, to_post_id])
    giving, taking = (_post(posts, id, field) for id, field in ((from_post_id, "from"), (to_post_id, "to")))
    between = _Between(giving, taking, effective, by.principal.subject)
    decided = Decided()
    for post, events in zip((giving, taking), domain.hand_over(chain, giving, taking, effective), strict=True):
        decided.add(post.id, events)
    await store.save_posts([fold_post(post, decided.events.get(post.id, ())) for post in (giving, taking)], conn=conn)
    return await _give(chain, work, between, decided, conn=conn, by=by)


async def _give(
    chain: Chain, work: Work, between: _Between, decided: Decided, *, conn: AsyncConnection, by: By
) -> HandedOver:
    """Give what is open, and write everything down."""
    present, lines = await _lines(work.projects, between, decided, conn=conn)
    needs = await _needs(list(present), between, decided, conn=conn)
    reporting = await _reporting(list(present), between, decided, conn=conn)
    filings = await _filings(work.filings, between, decided, conn=conn)
    problems, requests = await _requests(work, between, decided, conn=conn)
    given = [
        (present[id], projects.fold(present[id], events)) for id, events in decided.events.items() if id in present
    ]
    beside = {**need_store.rows(needs), **profile_store.rows(reporting)}
    await append(decided.events.items(), beside=project_store.states(given, beside), conn=conn, by=by)
    return HandedOver(
        chain,
        projects=len(given),
        posts=(between.giving.id, between.taking.id),
        lines=lines,
        needs=len(needs),
        reporting=len(reporting),
        filings=filings,
        requests=requests,
        problems=problems,
    )


async def _lines(
    ids: Sequence[UUID], between: _Between, decided: Decided, *, conn: AsyncConnection
) -> tuple[dict[UUID, Project], int]:
    """The projects as they were, without those that ended since they were found; and how many lines went over."""
    giving, taking, today = between.giving, between.taking, between.effective.today
    locked = await project_store.lock_many(ids, Lines(open_of=ids), conn=conn)
    present = {id: one for id, one in locked.items() if one.hold_status in (HoldStatus.ACTIVE, HoldStatus.HELD)}
    count = 0
    for project in present.values():
        events = domain.reassign_lines(project, giving, taking, today=today)
        decided.add(project.id, events)
        count += len(events)
    return present, count


async def _needs(ids: Sequence[UUID], between: _Between, decided: Decided, *, conn: AsyncConnection) -> list[Need]:
    after = []
    for need in await need_store.open_needs(ids, between.giving.id, conn=conn):
        person_id = between.taking.holder(between.effective.today)
        (event,) = support.reassign(need, post_id=between.taking.id, person_id=person_id)
        decided.add(need.project_id, [event])
        after.append(support.evolve(need, event))
    return after


async def _reporting(
    ids: Sequence[UUID], between: _Between, decided: Decided, *, conn: AsyncConnection
) -> list[Profile]:
    after = []
    for profile in (await profile_store.load_many(ids, conn=conn)).values():
        if profile.reporting_post_id == between.giving.id:
            event = profiles.give_reports(profile, between.taking.id)
            decided.add(profile.project_id, [event])
            after.append(profiles.evolve(profile, event))
    return after


async def _filings(ids: Sequence[UUID], between: _Between, decided: Decided, *, conn: AsyncConnection) -> int:
    after: list[Filing] = []
    for filing in (await filing_store.filings(ids, conn=conn)).values():
        if filing.task.status is not TaskStatus.OPEN or filing.task.responsible_post_id != between.giving.id:
            continue  # it was filed, or given to another, since it was found
        events = tasks.reassign(filing.tasks, filing.id, between.responsible)
        decided.add(filing.id, events)
        after.append(filing_rules.fold(filing, events))
    await filing_store.save_filings(after, conn=conn)
    return len(after)


async def _requests(work: Work, between: _Between, decided: Decided, *, conn: AsyncConnection) -> tuple[int, int]:
    """How many common problems and how many requests went over."""
    giving, effective = between.giving.id, between.effective
    problems: list[Problem] = []
    for problem in (await request_store.problems(work.problems, conn=conn)).values():
        if problem.status is not ProblemStatus.OPEN or problem.responsible_post_id != giving:
            continue  # as for filings
        events = common_problems.reassign(problem, between.responsible, reason=effective.reason, by=between.by)
        decided.add(problem.id, events)
        problems.append(common_problems.fold(problem, events))
    after: list[Request] = []
    for request in (await request_store.requests(work.requests, conn=conn)).values():
        if request.status is not RequestStatus.ASSIGNED or request.responsible_post_id != giving:
            continue
        events = request_rules.reassign(
            request, between.responsible, reason=effective.reason, on=effective.today, by=between.by
        )
        decided.add(request.id, events)
        after.append(request_rules.fold(request, events))
    await request_store.save(after, problems=problems, conn=conn)
    return len(problems), len(after)


def _post(posts: Mapping[UUID, Post], id: UUID, which: str) -> Post:
    if id not in posts:
        raise UnknownReference("岗位", id, field=f"{which}_post_id")
    return posts[id]
