import json

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary_event

from shared.contracts import cloudevents
from shared.contracts.examples import FOLDER, Example, examples
from shared.contracts.topics import BY_NAME, EVENT_TYPES

ALL = pytest.mark.parametrize("golden", examples(), ids=lambda golden: golden.type)


def test_every_published_type_has_a_golden_example_and_no_other_file_lies_there() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == set(EVENT_TYPES)


@ALL
def test_the_example_is_read_and_written_back_without_a_change(golden: Example) -> None:
    event = EVENT_TYPES[golden.type].model_validate_json(golden.value)

    assert json.loads(event.model_dump_json()) == json.loads(golden.value)


@ALL
def test_a_field_from_the_future_does_not_disturb_a_reader(golden: Example) -> None:
    from_the_future = {**json.loads(golden.value), "added_later": {"by": "a newer producer"}}

    EVENT_TYPES[golden.type].model_validate_json(json.dumps(from_the_future))


@ALL
def test_the_envelope_survives_the_way_over_kafka(golden: Example) -> None:
    envelope = cloudevents.read(golden.key, golden.headers)

    assert envelope.type == golden.type
    assert golden.topic in BY_NAME
    assert cloudevents.source_of(BY_NAME[golden.topic].producer) == envelope.source
    assert envelope.headers() == golden.headers
    assert envelope.key() == golden.key


@ALL
def test_the_cloudevents_sdk_parses_it(golden: Example) -> None:
    event = from_binary_event(KafkaMessage(dict(golden.headers), golden.key, golden.value))

    assert event.get_type() == golden.type
    assert event.get_extension("sequence") == dict(golden.headers)["ce_sequence"].decode()
    assert event.get_data() == json.loads(golden.value)


@pytest.mark.parametrize(
    ("key", "change", "words"),
    [
        (None, {}, "no key"),
        (b"not-a-uuid", {}, "malformed"),
        (b"", {}, "malformed"),
        (b"6f1f2a52-8c6e-5d0b-9a57-6c69616e6475", {"ce_id": None}, "ce_id"),
        (b"6f1f2a52-8c6e-5d0b-9a57-6c69616e6475", {"ce_sequence": b"0"}, "at least 1"),
        (b"6f1f2a52-8c6e-5d0b-9a57-6c69616e6475", {"ce_sequence": b"x"}, "malformed"),
        (b"6f1f2a52-8c6e-5d0b-9a57-6c69616e6475", {"ce_time": b"2026-01-01T00:00:00"}, "offset"),
        (b"6f1f2a52-8c6e-5d0b-9a57-6c69616e6475", {"ce_source": b"\xff"}, "malformed"),
    ],
)
def test_a_record_that_is_not_ours_says_what_is_wrong(
    key: bytes | None, change: dict[str, bytes | None], words: str
) -> None:
    headers = {**dict(examples()[0].headers), **change}
    kept = [(name, value) for name, value in headers.items() if value is not None]

    with pytest.raises(cloudevents.NotACloudEvent, match=words):
        cloudevents.read(key, kept)
