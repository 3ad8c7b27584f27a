"""Golden examples: one record of each published type as it stands on the wire. Each consumer's tests read them."""

import json
from dataclasses import dataclass
from pathlib import Path

from shared.contracts import cloudevents
from shared.contracts.topics import EVENT_TYPES, Topic

FOLDER = Path(__file__).parent / "examples"


@dataclass(frozen=True, slots=True)
class Example:
    topic: str
    type: str
    key: bytes
    headers: cloudevents.Headers
    value: bytes


def example(type_name: str) -> Example:
    """The golden record of a type; every published type has one."""
    record = json.loads((FOLDER / f"{type_name}.json").read_text())
    return Example(
        topic=record["topic"],
        type=type_name,
        key=record["key"].encode(),
        headers=[(name, value.encode()) for name, value in record["headers"].items()],
        value=json.dumps(record["data"], ensure_ascii=False).encode(),
    )


def examples(*topics: Topic) -> list[Example]:
    """The golden records of these topics, in registry order; of all topics when none is named."""
    names = [event.type for topic in topics for event in topic.events] or list(EVENT_TYPES)
    return [example(name) for name in names]
