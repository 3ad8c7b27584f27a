import pytest

from shared.contracts.topics import EVENT_TYPES, TOPICS, Topic, consumed_by

SERVICES = {"intake", "assessment", "notification"}


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_a_topic_names_its_producer_its_consumers_and_only_its_own_events(topic: Topic) -> None:
    assert topic.producer in SERVICES
    assert set(topic.consumers) <= SERVICES - {topic.producer}
    assert {event.topic for event in topic.events} == {topic.name}


def test_no_type_stands_in_two_topics() -> None:
    assert len(EVENT_TYPES) == sum(len(topic.events) for topic in TOPICS)


@pytest.mark.parametrize("name", EVENT_TYPES)
def test_a_type_ends_in_its_version(name: str) -> None:
    assert name.startswith("cn.liandu.")
    assert name.rsplit(".v", 1)[1].isdigit()


def test_record_keeping_consumes_nothing() -> None:
    assert consumed_by("intake") == ()
