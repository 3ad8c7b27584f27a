"""The history of any one subject: every fact of an aggregate, in order, with what it says in Chinese."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.api.answers import FactShown
from services.intake.api.projects.wording import Names
from services.intake.store import views
from services.intake.store.registers import registers as store
from shared.contracts.event import Event
from shared.contracts.topics import EVENT_TYPES
from shared.kit.log import eventlog
from shared.kit.web.http import Paging, page

Sentences = Mapping[type[Event], Callable[[Any, Names], str]]
"""What each type of event says; `Names` are of all records that the facts refer to."""


async def history_page(
    aggregate_id: UUID, sentences: Sentences, *, paging: Paging, conn: AsyncConnection
) -> dict[str, Any]:
    """A page of an aggregate's facts."""
    after = paging.start(tuple[int])
    facts = await eventlog.history(aggregate_id, conn=conn, after=after[0] if after else 0, limit=paging.limit)
    data = [json.loads(fact.data) for fact in facts]
    names = Names(await _names({id for item in data for id in _ids(item)}, conn=conn))
    events = [EVENT_TYPES[fact.type].model_validate(item) for fact, item in zip(facts, data, strict=True)]
    shown = [
        FactShown(
            seq=fact.seq,
            at=fact.at,
            actor=fact.actor,
            type=fact.type,
            text=sentences[type(event)](event, names),
            data=item,
        )
        for fact, item, event in zip(facts, data, events, strict=True)
    ]
    return page(shown, (facts[-1].seq,) if len(facts) == paging.limit else None)


def _ids(value: Any) -> Iterator[UUID]:
    """Whatever in a fact's data is an id, at any depth."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _ids(item)
    elif isinstance(value, str) and len(value) == 36:
        try:
            yield UUID(value)
        except ValueError:
            return


async def _names(ids: set[UUID], *, conn: AsyncConnection) -> dict[UUID, str]:
    projects = await store.projects(ids, conn=conn)
    names = await views.names(ids, conn=conn)
    return {**names, **{id: f"{row['code']} {row['name']}" for id, row in projects.items()}}
