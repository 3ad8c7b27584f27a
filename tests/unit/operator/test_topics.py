"""The topics the platform asks a broker for."""

from services.operator.topics import all_topics


def test_every_consumer_has_a_topic_for_its_dead_letters() -> None:
    names = [plan.name for plan in all_topics()]

    assert names == [
        "liandu.programme",
        "liandu.projects",
        "liandu.registers",
        "liandu.requests",
        "liandu.promotion",
        "liandu.supervision",
        "liandu.deliveries",
        "liandu.assessment.dead-letters",
        "liandu.notification.dead-letters",
    ]


def test_no_topic_is_compacted_and_all_have_an_end() -> None:
    for plan in all_topics():
        assert plan.configs["cleanup.policy"] == "delete"
        assert int(plan.configs["retention.ms"]) > 0
