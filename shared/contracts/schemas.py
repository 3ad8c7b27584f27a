"""JSON Schemas of the events, generated from the models and committed, so that other languages can read them too.

`python -m shared.contracts.schemas` writes them and refuses a breaking change; `--check` only tells of drift.

A published version is frozen for readers on both sides of time: an old reader must read new records and a new reader
old ones. So the one change allowed is another optional field; all else is a new type that ends in the next version.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from shared.contracts.event import Event
from shared.contracts.topics import EVENT_TYPES

FOLDER = Path(__file__).parent / "schemas"

Schema = dict[str, Any]
_WORDS = ("type", "format", "enum", "const", "items", "anyOf", "additionalProperties", "pattern")


def schema_of(event: type[Event]) -> Schema:
    """The JSON Schema (2020-12) of an event's data, with its CloudEvents type and topic as annotations."""
    schema = event.model_json_schema(mode="serialization")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:liandu:{event.type}",
        "x-topic": event.topic,
        **schema,
    }


def text_of(event: type[Event]) -> str:
    return json.dumps(schema_of(event), ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def path_of(type_name: str) -> Path:
    return FOLDER / f"{type_name}.json"


def breaking_changes(published: Schema, proposed: Schema) -> list[str]:
    """What a reader of one of the two schemas could not take from a writer of the other, a line each."""
    return list(_differences(published, proposed, published, proposed, "data"))


def _differences(old: Schema, new: Schema, old_root: Schema, new_root: Schema, where: str) -> Iterator[str]:
    old, new = _resolved(old, old_root), _resolved(new, new_root)
    was, now = old.get("properties", {}), new.get("properties", {})
    needed_before, needed_now = _must_have(old), _must_have(new)
    for name in sorted(was.keys() - now.keys()):
        yield f"{where}.{name} was removed"
    for name in sorted(needed_now - needed_before):
        yield f"{where}.{name} became required" if name in was else f"{where}.{name} is new and required"
    for name in sorted((needed_before - needed_now) & now.keys()):
        yield f"{where}.{name} was required and is optional now"
    for name in sorted(was.keys() & now.keys()):
        yield from _differences(was[name], now[name], old_root, new_root, f"{where}.{name}")
    for word in _WORDS:
        before, after = (_expanded(part.get(word), root) for part, root in ((old, old_root), (new, new_root)))
        if before != after:
            yield f"{where}: {word} was {_short(before)} and is {_short(after)}"


def _must_have(schema: Schema) -> set[str]:
    """What a reader needs: pydantic lists properties with a default as required too, in a schema for writing."""
    return {name for name in schema.get("required", ()) if "default" not in schema["properties"][name]}


def _resolved(schema: Schema, root: Schema) -> Schema:
    reference = schema.get("$ref")
    return root["$defs"][reference.rsplit("/", 1)[1]] if reference else schema


def _expanded(part: Any, root: Schema) -> Any:
    """`part` with references replaced and words for people removed, so that only what readers see is compared."""
    if isinstance(part, list):
        return [_expanded(item, root) for item in part]
    if not isinstance(part, dict):
        return part
    part = _resolved(part, root)
    return {
        key: _expanded(value, root) for key, value in part.items() if key not in ("title", "description", "default")
    }


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else text[:77] + "..."


def drift() -> list[str]:
    """How the committed schemas differ from the models, a line each; empty when they agree."""
    known = {path.stem for path in FOLDER.glob("*.json")}
    lines = [f"{name}: published, but no event has this type any more" for name in sorted(known - EVENT_TYPES.keys())]
    for name, event in sorted(EVENT_TYPES.items()):
        if name not in known:
            lines.append(f"{name}: not written yet")
        elif path_of(name).read_text() != text_of(event):
            changes = breaking_changes(json.loads(path_of(name).read_text()), schema_of(event))
            lines += [f"{name}: BREAKING: {change}" for change in changes] or [f"{name}: changed, compatibly"]
    return lines


def write() -> list[str]:
    """Write what may be written; the lines of what may not (a breaking change, a type that vanished)."""
    FOLDER.mkdir(exist_ok=True)
    refused = [line for line in drift() if "BREAKING" in line or "no event has this type" in line]
    blocked = {line.split(":")[0] for line in refused}
    for name, event in EVENT_TYPES.items():
        if name not in blocked:
            path_of(name).write_text(text_of(event))
    return refused


def main() -> int:
    parser = argparse.ArgumentParser(description="Write or check the events' JSON Schemas.")
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 when schemas and models differ")
    lines = drift() if parser.parse_args().check else write()
    for line in lines:
        sys.stderr.write(line + "\n")
    if any("BREAKING" in line for line in lines):
        sys.stderr.write("A published version never changes like this: add a type that ends in the next version.\n")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
