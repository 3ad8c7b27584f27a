"""What happens to a project if nobody does anything: its states and alarms as they stand, and time that passes."""

from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from services.assessment.domain import obligation as obligations
from services.assessment.domain.light import light_id
from services.assessment.domain.moments import at
from services.assessment.domain.project import Project
from services.assessment.domain.rehearsal import Telling, tellings
from services.assessment.domain.work import Alarm
from services.assessment.domain.world import World
from services.assessment.handlers.desk import Desk
from services.assessment.handlers.known import Knowledge
from services.assessment.store import states
from shared.contracts.supervision import LightChanged
from shared.kit.database import fetch
from shared.kit.errors import NotFound

_ID = "SELECT id FROM project WHERE CAST(id AS text) = lower($1) OR code = $1"
_ALARMS = "SELECT subject, kind, due_at, origin, turn FROM timer WHERE origin = $1"


class NoSuchProject(NotFound):
    def __init__(self, project: str) -> None:
        super().__init__("没有该项目", project=project)


class Forecast(NamedTuple):
    """`told`: who would hear what, in order. `lights`: how the project's light would change."""

    project: Project
    desk: Desk
    told: tuple[Telling, ...]
    lights: tuple[LightChanged, ...]


async def forecast(
    project: str, until: date, *, conn: AsyncConnection, now: datetime, knowledge: Knowledge
) -> Forecast:
    """What would happen to a project up to this day, by the rules, the posts and the calendar of today. `project`: its
    id or code.

    Raises:
        NoSuchProject: it was never heard of.
    """
    desk = Desk.of(await knowledge.read(conn), now)
    project_id = next(iter(await fetch(conn, _ID, project)), (None,))[0]
    if project_id is None:
        raise NoSuchProject(project)
    await desk.load_projects([project_id], conn=conn)
    live = await states.live_obligations_of([project_id], conn=conn)
    await desk.load_obligations(live, conn=conn)
    await desk.load_cases([obligations.case_id(one) for one in live], conn=conn)
    await desk.load_lights([light_id(project_id)], conn=conn)
    world = World.standing(desk, [Alarm(*row) for row in await fetch(conn, _ALARMS, project_id)])
    world.pass_time(at(until + timedelta(1), time()))
    lights = tuple(one.event for one in world.decided if isinstance(one.event, LightChanged))
    return Forecast(desk.projects[project_id], desk, tuple(tellings(world.decided)), lights)
