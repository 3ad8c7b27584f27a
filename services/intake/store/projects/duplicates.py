"""Projects that may be the same as another: found by codes, name and parent, each with the reasons; never merged."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.store.views import ONE
from shared.kit.database import fetch

MOST = 50
LIKENESS = r"""regexp_replace({}.name, '[\s（）()“”"、，,。·—-]|项目|工程', '', 'g')"""
"""A name without blanks, brackets and the words that every project's name may have; as the index has it."""

# Each part goes by an index of its own.
FIND = f"""
    WITH me AS (
        SELECT project.id, {LIKENESS.format("project")} AS likeness, national_code, investor_uscc, parent_project_id
          FROM project LEFT JOIN project_profile ON project_id = id WHERE project.id = $1
    ), found AS (
        SELECT project.id, 'name' AS reason FROM project, me
         WHERE {LIKENESS.format("project")} = likeness AND likeness <> ''
        UNION ALL
        SELECT project_id, 'national_code' FROM project_profile AS other, me
         WHERE other.national_code = me.national_code
        UNION ALL
        SELECT project_id, 'investor' FROM project_profile AS other, me
         WHERE other.investor_uscc = me.investor_uscc
        UNION ALL
        SELECT project_id, 'parent' FROM project_profile AS other, me
         WHERE other.parent_project_id = me.parent_project_id
    )
    SELECT project.id, project.code, project.name, organisation.name AS responsible_org_name, stage, hold_status,
           total_investment_wan, array_agg(reason ORDER BY reason) AS reasons
      FROM found JOIN project ON project.id = found.id JOIN organisation ON organisation.id = responsible_org_id
     WHERE project.id <> $1
     GROUP BY project.id, organisation.name
     ORDER BY count(*) DESC, code
     LIMIT {MOST}
"""  # noqa: S608 - constants of this module


RECORDED = f"SELECT one.*, (SELECT jsonb_agg(found) FROM ({FIND}) AS found) AS likely FROM ({ONE}) AS one"  # noqa: S608
"""A project as `views.project` gives it, and what may be the same, in one statement."""


class Reason(StrEnum):
    """Why two projects may be one. Firms have several projects, and 增资 have siblings: a person decides."""

    NATIONAL_CODE = "national_code"
    INVESTOR = "investor"
    NAME = "name"
    PARENT = "parent"


REASON_NAMES: Mapping[Reason, str] = {
    Reason.NATIONAL_CODE: "项目代码相同",
    Reason.INVESTOR: "投资方统一社会信用代码相同",
    Reason.NAME: "名称相同或只差通用字样",
    Reason.PARENT: "原项目相同",
}


@dataclass(frozen=True, slots=True)
class Likely:
    """A project that may be the same. Money in whole 万元."""

    id: UUID
    code: str
    name: str
    responsible_org_name: str
    stage: str
    hold_status: str
    total_investment_wan: int
    reasons: tuple[Reason, ...]


async def find(project_id: UUID, *, conn: AsyncConnection) -> list[Likely]:
    """The projects that may be the same as this one, those with most reasons first; fifty at most."""
    return [_likely(row) for row in await fetch(conn, FIND, project_id)]


async def recorded(project_id: UUID, *, conn: AsyncConnection) -> tuple[Any, list[Likely]]:
    """A project that exists, with the columns that lists give, and the projects that may be the same."""
    (row,) = await fetch(conn, RECORDED, project_id)
    found = row["likely"] or ()
    return SimpleNamespace(**row), [_likely({**item, "id": UUID(item["id"])}) for item in found]


def _likely(row: Mapping[str, Any]) -> Likely:
    return Likely(**{**row, "reasons": tuple(map(Reason, row["reasons"]))})
