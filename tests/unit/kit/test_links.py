"""Signed links: what they carry, and that nothing else is taken for one."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kit.clock import CHINA
from shared.kit.web.links import Link, LinkExpired, LinkForged, read_link, sign_link

SECRET = "link secret for tests, long enough"
OTHER = "another link secret, long enough too"
NOW = datetime(2026, 3, 9, 9, tzinfo=CHINA)
LINK = Link("acknowledge", (UUID(int=7),), "第 12 号", NOW + timedelta(days=3))


def read(
    token: str, *, purpose: str = "acknowledge", now: datetime = NOW, secrets: tuple[str, ...] = (SECRET,)
) -> Link:
    return read_link(token, purpose=purpose, now=now, secrets=secrets)


@given(
    purpose=st.text(max_size=60),
    message=st.text(max_size=60),
    subjects=st.lists(st.uuids(), max_size=8).map(tuple),
    seconds=st.integers(1, 10**9),
)
def test_what_is_signed_is_read(purpose: str, message: str, subjects: tuple[UUID, ...], seconds: int) -> None:
    link = Link(purpose, subjects, message, NOW + timedelta(seconds=seconds))
    token = sign_link(link, secrets=[SECRET])
    assert read(token, purpose=purpose) == link


def test_a_link_for_one_case_stays_short_enough_for_a_chat() -> None:
    assert len(sign_link(Link("acknowledge", (uuid4(),), "1024", NOW), secrets=[SECRET])) < 100


@pytest.mark.parametrize("at", range(0, 100, 7))
def test_a_link_with_one_character_changed_is_forged(at: int) -> None:
    token = sign_link(LINK, secrets=[SECRET])
    changed = token[:at] + ("A" if token[at : at + 1] != "A" else "B") + token[at + 1 :]
    with pytest.raises(LinkForged):
        read(changed)


@pytest.mark.parametrize("token", ["", "x", "....", "链接", "A" * 99, "A" * 5000, "=" * 40, "AQ=="])
def test_what_is_no_link_is_forged(token: str) -> None:
    with pytest.raises(LinkForged):
        read(token)


def test_padding_or_another_spelling_of_a_token_is_forged() -> None:
    token = sign_link(LINK, secrets=[SECRET])
    for spelling in (token + "=", token + "\n", " " + token, token[:-1]):
        with pytest.raises(LinkForged):
            read(spelling)


def test_a_link_signed_with_another_secret_is_forged() -> None:
    with pytest.raises(LinkForged):
        read(sign_link(LINK, secrets=[OTHER]))


def test_a_link_for_another_purpose_is_forged() -> None:
    with pytest.raises(LinkForged):
        read(sign_link(LINK, secrets=[SECRET]), purpose="extend")


def test_a_link_ends_at_its_expiry_and_says_when_that_was() -> None:
    token = sign_link(LINK, secrets=[SECRET])
    assert read(token, now=LINK.expires_at - timedelta(seconds=1)) == LINK
    with pytest.raises(LinkExpired) as refusal:
        read(token, now=LINK.expires_at)
    assert refusal.value.details == {"expired_at": LINK.expires_at.astimezone(UTC).isoformat()}


def test_after_a_change_of_secrets_old_links_still_work_until_the_old_secret_goes() -> None:
    token = sign_link(LINK, secrets=[SECRET])
    assert read(token, secrets=(OTHER, SECRET)) == LINK
    with pytest.raises(LinkForged):
        read(token, secrets=(OTHER,))


def test_a_naive_expiry_is_refused() -> None:
    with pytest.raises(ValueError, match="offset"):
        sign_link(Link("acknowledge", (), "1", NOW.replace(tzinfo=None)), secrets=[SECRET])
