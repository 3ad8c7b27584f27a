"""Statistics of signings: computed from the records, published under a number, corrected beside (S10)."""

from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake import reference
from services.intake.domain.errors import RecordMissing
from services.intake.domain.statistics import publications as domain
from services.intake.domain.statistics.periods import Period
from services.intake.domain.statistics.publications import Publication
from services.intake.domain.statistics.statistics import Report, report
from services.intake.handlers.writing import append, require_version, today
from services.intake.store import statistics as store
from shared.kit.database import advisory_key, fetch
from shared.kit.log.eventlog import lock_heads
from shared.kit.web.http import By

LOCK = advisory_key("intake", "statistics")


async def present_report(period: Period, *, conn: AsyncConnection) -> Report:
    """A period's signings by the records as they are."""
    return report(await store.signings(period, conn=conn), period, reference.statistics_policy())


async def present_beside(publication: Publication, *, conn: AsyncConnection) -> Report:
    """A publication's period by the records as they are, and by the policy that it was published with; whatever it
    stated is judged, wherever it has moved."""
    stated = {signing.project_id for issue in publication.issues for signing in issue.signings}
    signings = await store.signings(publication.period, stated, conn=conn)
    return report(signings, publication.period, publication.published.policy)


async def publish(period: Period, *, conn: AsyncConnection, by: By) -> Publication:
    """Freeze a period's figures under the period's next number; raises DateNotAllowed before its end."""
    await fetch(conn, "SELECT pg_advisory_xact_lock($1)", LOCK)
    number = await store.last_number(period.label, conn=conn) + 1
    found = await present_report(period, conn=conn)
    publication, event = domain.publish(uuid4(), number, found, actor=by.actor, today=today(by))
    await append([(publication.id, [event])], conn=conn, by=by)
    await store.save(publication, publication.published, conn=conn)
    return publication


async def correct(
    publication_id: UUID, *, reason: str, expected: int | None, conn: AsyncConnection, by: By
) -> Publication:
    """Put a numbered 更正 beside what was published.

    Raises:
        RecordMissing, VersionConflict, NothingToCorrect.
    """
    await lock_heads([publication_id], conn=conn)
    before = await publication_of(publication_id, conn=conn)
    require_version(publication_id, expected=expected, actual=before.version)
    present = await present_beside(before, conn=conn)
    after, event = domain.correct(before, present, reason=reason, actor=by.actor, today=today(by))
    await append([(publication_id, [event])], conn=conn, by=by)
    await store.save(after, after.latest, conn=conn)
    return after


async def publication_of(publication_id: UUID, *, conn: AsyncConnection) -> Publication:
    """Raises RecordMissing."""
    found = await store.publication(publication_id, conn=conn)
    if found is None:
        raise RecordMissing("统计公布", publication_id)
    return found
