import copy
from datetime import time
from typing import Any

import pytest

from services.assessment import policies
from services.assessment.domain.policy import Policy, PolicyRefused, read_policy
from shared.contracts.programme import Tier
from shared.contracts.supervision import Document


def data() -> dict[str, Any]:
    return copy.deepcopy(dict(policies.read_file(None)))


def refusal(changed: dict[str, Any]) -> PolicyRefused:
    with pytest.raises(PolicyRefused) as refused:
        read_policy(changed)
    return refused.value


def test_the_default_ladder_is_the_one_of_the_programme() -> None:
    policy = read_policy(data())
    assert [(rung.after_days, rung.document) for rung in policy.rungs] == [
        (1, Document.URGE),
        (5, Document.LETTER),
        (10, Document.TALK),
        (15, Document.TALK_CHIEF),
        (20, Document.CIRCULAR),
    ]
    assert policy.rungs[0].to == (Tier.TASK_FORCE_OFFICE, Tier.UNIT_HEAD)
    assert (policy.rungs[1].to, policy.rungs[1].copy) == ((Tier.TASK_FORCE,), (Tier.DEPUTY_CHIEF,))
    assert [rung.reply_within_days for rung in policy.rungs] == [None, 5, None, None, None]
    assert (policy.remind_days_before, policy.acknowledgement_holds_days, policy.fires_at) == (3, 3, time(9))


def test_rungs_beyond_the_ladder_are_none() -> None:
    policy: Policy = read_policy(data())
    assert policy.rung(0) is None
    assert policy.rung(6) is None


def test_what_is_wrong_is_named_with_its_place() -> None:
    changes: dict[str, Any] = {
        "version": lambda d: d.pop("version"),
        "firing.at": lambda d: d["firing"].update(at="9 o'clock"),
        "firing.until": lambda d: d["firing"].update(until="08:00"),
        "reminder.days_before": lambda d: d["reminder"].update(days_before=0),
        "reminder.to": lambda d: d["reminder"].update(to=[]),
        "acknowledgement.holds_days": lambda d: d["acknowledgement"].update(holds_days=True),
        "acknowledgement": lambda d: d.update(acknowledgement=3),
        "numbers.letter": lambda d: d["numbers"].update(letter="督办函{n}号"),
        "rung": lambda d: d.update(rung=[]),
        "rung[2].number": lambda d: d["rung"][1].update(number=4),
        "rung[2].after_days": lambda d: d["rung"][1].update(after_days=1),
        "rung[3].document": lambda d: d["rung"][2].update(document="fax"),
        "rung[1].document": lambda d: d["rung"][0].update(document="reminder"),
        "rung[4].to": lambda d: d["rung"][3].update(to=["mayor"]),
        "rung[4].numbered": lambda d: d["rung"][3].update(numbered="yes"),
        "rung[5].reply_withn_days": lambda d: d["rung"][4].update(reply_withn_days=5),
        "light.start.red_from_months": lambda d: d["light"]["start"].update(red_from_months=1),
        "light.start.raises[2].to_rung": lambda d: d["light"]["start"]["raises"][1].update(to_rung=6),
        "commendation.early_days": lambda d: d["commendation"].update(early_days="five"),
        "letters": lambda d: d.update(letters={}),
    }
    for place, change in changes.items():
        changed = data()
        change(changed)
        refused = refusal(changed)
        assert refused.place == place
        assert refused.reason


def test_the_light_raises_to_the_rung_of_so_many_reds() -> None:
    rule = read_policy(data()).start_light
    assert [rule.rung_for(reds) for reds in (0, 1, 2, 3)] == [0, 2, 3, 3]
