"""What is to follow when chains are split, merged or handed over: found by set, not one by one."""

from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.kit.database import fetch

PROJECTS = "SELECT id, code FROM project WHERE chain_id = $1 AND hold_status IN ('active', 'held')"
FOLLOWERS = """
    SELECT 'post' AS what, id FROM post WHERE $1 = ANY (chain_ids)
     UNION ALL
    SELECT 'task_force', id FROM task_force WHERE $1 = ANY (chain_ids) AND dissolved_from IS NULL
     UNION ALL
    SELECT 'park', id FROM park WHERE $1 = ANY (chain_ids)
     UNION ALL
    SELECT 'enterprise', id FROM enterprise WHERE chain_ids @> ARRAY[$1::uuid]
"""
WORK = """
    SELECT 'project' AS what, id FROM project
     WHERE chain_id = $1 AND hold_status IN ('active', 'held') AND id IN (
        SELECT project_id FROM milestone WHERE responsible_post_id = $2 AND status = 'open'
         UNION
        SELECT project_id FROM project_need WHERE responsible_post_id = $2 AND status = 'open'
         UNION
        SELECT project_id FROM project_profile WHERE reporting_post_id = $2)
     UNION ALL
    SELECT 'filing', subject_id FROM task
     WHERE responsible_post_id = $2 AND status = 'open' AND chain_id = $1 AND kind = 'filing'
     UNION ALL
    SELECT 'problem', id FROM common_problem WHERE responsible_post_id = $2 AND status = 'open' AND chain_id = $1
     UNION ALL
    SELECT 'request', id FROM enterprise_request
     WHERE responsible_post_id = $2 AND status = 'assigned' AND chain_id = $1
"""


class Followers(NamedTuple):
    """Ids of those that belong to a chain."""

    posts: list[UUID]
    task_forces: list[UUID]
    parks: list[UUID]
    enterprises: list[UUID]


class Work(NamedTuple):
    """Ids of what is of a chain and a post's to do. `projects`: of which open lines or needs or the reports are."""

    projects: list[UUID]
    filings: list[UUID]
    problems: list[UUID]
    requests: list[UUID]


async def projects_of(chain_id: UUID, *, conn: AsyncConnection) -> dict[UUID, str]:
    """The codes of a chain's projects, without those that were terminated or struck off: they change no more."""
    return dict(await fetch(conn, PROJECTS, chain_id))


async def followers_of(chain_id: UUID, *, conn: AsyncConnection) -> Followers:
    rows = await fetch(conn, FOLLOWERS, chain_id)
    return Followers(*(_of(rows, what) for what in ("post", "task_force", "park", "enterprise")))


async def work_of(chain_id: UUID, post_id: UUID, *, conn: AsyncConnection) -> Work:
    rows = await fetch(conn, WORK, chain_id, post_id)
    return Work(*(_of(rows, what) for what in ("project", "filing", "problem", "request")))


def _of(rows: list[Any], what: str) -> list[UUID]:
    return [row["id"] for row in rows if row["what"] == what]
