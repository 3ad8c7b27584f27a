import copy
import json
from collections.abc import Callable
from typing import Any

import jsonschema_rs
import pytest

from shared.contracts import schemas
from shared.contracts.examples import Example, examples
from shared.contracts.projects import MilestonePlanned
from shared.contracts.supervision import CaseEscalated

Change = Callable[[dict[str, Any]], object]


def test_the_committed_schemas_are_those_of_the_models() -> None:
    assert schemas.drift() == []


@pytest.mark.parametrize("golden", examples(), ids=lambda golden: golden.type)
def test_each_golden_example_is_valid_by_its_committed_schema(golden: Example) -> None:
    schema = json.loads(schemas.path_of(golden.type).read_text())

    jsonschema_rs.validate(schema, json.loads(golden.value))


def _optional(schema: dict[str, Any]) -> None:
    schema["properties"]["remark"] = {"type": "string", "default": ""}


def test_another_optional_field_is_no_breaking_change() -> None:
    published = schemas.schema_of(MilestonePlanned)
    proposed = copy.deepcopy(published)
    _optional(proposed)

    assert schemas.breaking_changes(published, proposed) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: s["properties"].pop("source_document"), "data.source_document was removed"),
        (lambda s: s["properties"]["due_on"].update(format="date-time"), "data.due_on: format"),
        (lambda s: s["properties"]["due_on"].update(default="2026-01-01"), "data.due_on was required"),
        (lambda s: (s["properties"].update(new={"type": "string"}), s["required"].append("new")), "new and required"),
        (lambda s: s["$defs"]["Stage"]["enum"].append("famous"), "enum"),
        (lambda s: s["$defs"]["Stage"]["enum"].remove("lead"), "enum"),
    ],
)
def test_a_change_that_a_reader_would_feel_is_refused(change: Change, words: str) -> None:
    published = schemas.schema_of(MilestonePlanned)
    proposed = copy.deepcopy(published)
    change(proposed)

    assert any(words in line for line in schemas.breaking_changes(published, proposed))


def test_a_change_deep_inside_a_list_of_parts_is_found_too() -> None:
    published = schemas.schema_of(CaseEscalated)
    proposed = copy.deepcopy(published)
    proposed["$defs"]["Addressee"]["properties"].pop("tier")

    assert schemas.breaking_changes(published, proposed)


def test_writing_leaves_a_published_schema_alone_when_the_model_broke_it(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schemas, "FOLDER", tmp_path)
    assert schemas.write() == []
    path = schemas.path_of(MilestonePlanned.type)
    older = json.loads(path.read_text())
    older["properties"]["colour"] = {"type": "string"}
    path.write_text(json.dumps(older))

    refused = schemas.write()

    assert refused == [f"{MilestonePlanned.type}: BREAKING: data.colour was removed"]
    assert json.loads(path.read_text()) == older
