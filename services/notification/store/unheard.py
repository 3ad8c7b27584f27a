"""Messages that name nobody, because nobody was there to hear: who is to hear them is said later."""

from collections.abc import Sequence
from uuid import UUID

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notification.domain.routing import Listener
from shared.contracts.supervision import Addressed

_ADDRESS = text("""
UPDATE message
   SET listeners = CAST(new.listeners AS jsonb), event = message.event || CAST(new.named AS jsonb)
  FROM unnest(CAST(:causes AS uuid[]), CAST(:listeners AS text[]), CAST(:named AS text[]))
       AS new (cause_id, listeners, named)
 WHERE message.cause_id = new.cause_id AND message.state = 'unroutable' AND message.listeners = '[]'
RETURNING message.id, message.number
""")


async def address(told: Sequence[Addressed], *, conn: AsyncConnection) -> list[UUID]:
    """Name those who are to hear in the messages of these facts; the messages, locked, in the order of their numbers.

    A fact of which somebody heard all the same (a case's end is told to whoever heard of the case) stays as it is.
    """
    columns = {
        "causes": [event.event_id for event in told],
        "listeners": [_listeners(event) for event in told],
        "named": [event.model_dump_json(include={"addressees", "skipped"}) for event in told],
    }
    rows = await conn.execute(_ADDRESS, columns)
    return [row.id for row in sorted(rows, key=lambda row: row.number)]


def _listeners(event: Addressed) -> str:
    listeners = [Listener(one.post_id, one.tier, copy_only=one.copy_only) for one in event.addressees]
    return orjson.dumps(listeners).decode()
