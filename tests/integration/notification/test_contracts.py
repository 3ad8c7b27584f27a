"""The golden examples of every event that notification hears are understood, all in one batch."""

from services.notification.domain.rendering import TOLD
from services.notification.handlers import facts
from shared.contracts.examples import examples
from shared.contracts.topics import EVENT_TYPES, consumed_by
from shared.kit.database import transaction
from tests.integration.notification.conftest import Desk
from tests.support.supervision import fact


async def test_every_golden_example_is_understood(desk: Desk) -> None:
    heard = {topic.name for topic in consumed_by("notification")}
    golden = [example for example in examples() if example.topic in heard]
    events = [EVENT_TYPES[example.type].model_validate_json(example.value) for example in golden]
    now = desk.clock.now()
    async with transaction(desk.engine) as conn:
        await facts.apply([fact(event, at=now) for event in events], conn=conn, now=now)
    told = [event for event in events if isinstance(event, TOLD)]
    assert len(told) == len(TOLD)
    assert [message.kind for message in await desk.all()] == [event.type for event in told]
    people = await desk.execute("SELECT count(*) FROM tenure")
    assert people[0][0] > 0
