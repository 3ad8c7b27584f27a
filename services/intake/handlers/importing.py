"""A project list as offices keep it, many rows at once."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.domain.drafts import Outcome, ProjectDraft
from shared.kit.http import By


async def import_projects(
    drafts: Sequence[ProjectDraft], *, conn: AsyncConnection, by: By, create_missing: bool = False
) -> list[Outcome]:
    """Record, change or refuse each draft, in one transaction and a constant number of statements.

    The outcomes stand in the drafts' order. `create_missing`: organisations, people and posts that are named and not
    yet known are recorded with the projects; otherwise the row is refused, with the nearest known names.
    """
    raise NotImplementedError
