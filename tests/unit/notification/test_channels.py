"""The conformance suite: every channel must pass it. What belongs to one channel alone stands below."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notification.channels import CHANNELS
from services.notification.channels.base import CUT, Channel, Request, Target, fit
from services.notification.channels.dingtalk import DingTalk, sign
from services.notification.channels.webhook import Webhook
from services.notification.channels.webhook import sign as sign_webhook
from services.notification.domain.outcome import Fault
from services.notification.domain.rendering import Button, Draft
from shared.contracts.deliveries import Outcome
from shared.kit.errors import Invalid

NOW = datetime(2026, 1, 5, 1, tzinfo=UTC)
KEY = base64.b64encode(b"planted-webhook-secret-of-32-byt").decode()
TARGETS = {
    "dingtalk": Target("https://oapi.dingtalk.com/robot/send?access_token=planted-token", "SECplanted"),
    "webhook": Target("https://office.example/hook?key=planted-token", f"whsec_{KEY}"),
}
LINK = "https://liandu.example/links/planted-link"
MOBILE = "13800138000"
PLAIN = Draft("【提醒】标题", ("第一行", "第二行"), "链督 消息编号 20260000012", 20260000012)
WITH_BUTTON = Draft("【督办函】标题", ("第一行",), PLAIN.tail, PLAIN.number, Button("签收", LINK))
WITH_MENTION = Draft("【督办函】标题", ("第一行",), PLAIN.tail, PLAIN.number, Button("签收", LINK), (MOBILE,))
LONG = Draft("【通报】标题", ("督办事项𠮷" * 9000,), PLAIN.tail, PLAIN.number, Button("签收", LINK))
DRAFTS = [PLAIN, WITH_BUTTON, WITH_MENTION, LONG]
MOST_BYTES = 20_000

channels = pytest.mark.parametrize("channel", CHANNELS.values(), ids=CHANNELS)


def built(channel: Channel, draft: Draft) -> Request:
    return channel.build(draft, TARGETS[channel.name], message_id="message-1", now=NOW)


@channels
@pytest.mark.parametrize("draft", DRAFTS)
def test_a_body_is_json_in_utf8_within_the_limit_and_bears_the_number(channel: Channel, draft: Draft) -> None:
    request = built(channel, draft)
    assert isinstance(json.loads(request.body.decode()), dict)
    assert len(request.body) <= MOST_BYTES
    assert str(draft.number) in request.body.decode()
    assert str(draft.number) in request.text
    assert "\\u" not in request.body.decode()
    assert request.headers["content-type"].startswith("application/json")


@channels
def test_what_is_too_long_is_cut_at_a_character_and_says_so(channel: Channel) -> None:
    request = built(channel, LONG)
    assert CUT in request.body.decode()
    assert len(request.body) > MOST_BYTES - 40
    assert LINK in request.body.decode()


@channels
@pytest.mark.parametrize("draft", DRAFTS)
def test_every_secret_is_named_so_that_no_record_shows_it(channel: Channel, draft: Draft) -> None:
    request = built(channel, draft)
    target = TARGETS[channel.name]
    everything = f"{request.url} {dict(request.headers)} {request.body.decode()} {request.text} {target.secret}"
    for secret in sorted(request.secrets, key=len, reverse=True):
        everything = everything.replace(secret, "")
    for planted in ("planted", KEY, *draft.mentions):
        assert planted not in everything
    assert "planted" not in repr(request) + repr(target)
    assert (target.secret or "-") not in request.body.decode()


@channels
@given(status=st.integers(100, 599), body=st.binary(max_size=200), retry=st.text(max_size=12))
def test_any_answer_whatever_is_read_without_failing(channel: Channel, status: int, body: bytes, retry: str) -> None:
    verdict = channel.read(status, {"retry-after": retry}, body)
    assert (verdict.outcome is Outcome.GIVE_UP) == bool(verdict.mend)
    assert verdict.outcome is not Outcome.SENT or 200 <= status < 300


@channels
@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (302, Outcome.GIVE_UP),
        (401, Outcome.GIVE_UP),
        (404, Outcome.GIVE_UP),
        (410, Outcome.GIVE_UP),
        (413, Outcome.GIVE_UP),
        (408, Outcome.RETRY),
        (429, Outcome.COOL_DOWN),
        (500, Outcome.RETRY),
        (503, Outcome.RETRY),
        (504, Outcome.UNKNOWN),
    ],
)
def test_http_decides_where_the_body_says_nothing(channel: Channel, status: int, outcome: Outcome) -> None:
    assert channel.read(status, {}, b"<html></html>").outcome is outcome


@channels
def test_the_wait_that_is_asked_for_is_kept_within_reason(channel: Channel) -> None:
    assert channel.read(429, {"retry-after": "30"}, b"").wait == timedelta(seconds=30)
    assert channel.read(429, {"retry-after": "999999"}, b"").wait == timedelta(hours=1)
    assert channel.read(429, {"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, b"").wait == timedelta(minutes=1)


@channels
@pytest.mark.parametrize(
    "url", ["", "not a url", "ftp://a.example/x", "https://", "https://u:p@a.example/", "https://a.example:99999/x"]
)
def test_what_is_no_address_is_refused(channel: Channel, url: str) -> None:
    with pytest.raises(Invalid):
        channel.check(Target(url, TARGETS[channel.name].secret))


@channels
def test_its_own_kind_of_address_is_accepted(channel: Channel) -> None:
    channel.check(TARGETS[channel.name])


@given(st.text(max_size=400), st.integers(60, 500))
def test_cutting_never_splits_a_character_nor_exceeds_the_limit(text: str, most: int) -> None:
    def build(cut: str) -> bytes:
        return json.dumps({"t": cut}, ensure_ascii=False).encode("utf-8", "replace")

    kept, body = fit(build, text.encode(errors="ignore").decode(), most=most)
    assert len(body) <= most
    assert kept == text.encode(errors="ignore").decode() or kept.endswith(CUT)


DINGTALK_CODES: list[tuple[int, Outcome, Fault, timedelta | None]] = [
    (0, Outcome.SENT, Fault.NONE, None),
    (-1, Outcome.RETRY, Fault.ROBOT, None),
    (130101, Outcome.COOL_DOWN, Fault.ROBOT, timedelta(minutes=10)),
    (410100, Outcome.COOL_DOWN, Fault.ROBOT, timedelta(minutes=10)),
    (90030, Outcome.COOL_DOWN, Fault.ROBOT, timedelta(hours=1)),
    *((code, Outcome.GIVE_UP, Fault.ROBOT, None) for code in (310000, 300005, 400013, 400101, 400102, 400106)),
    *((code, Outcome.GIVE_UP, Fault.MESSAGE, None) for code in (400105, 430101, 430102, 430103, 430104, 460101)),
    (777, Outcome.RETRY, Fault.MESSAGE, None),
]


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize(("code", "outcome", "fault", "wait"), DINGTALK_CODES)
def test_dingtalks_code_decides_whatever_http_and_the_words_say(
    code: int, outcome: Outcome, fault: Fault, wait: timedelta | None, status: int
) -> None:
    body = json.dumps({"errcode": code, "errmsg": "ok", "status": 1111, "wait": 5, "punish": "x"}).encode()
    verdict = DingTalk().read(status, {}, body)
    assert (verdict.outcome, verdict.fault, verdict.wait) == (outcome, fault, wait)
    assert verdict.code == str(code)


@pytest.mark.parametrize(
    "body", ["", "[]", "0", '{"errcode":"0"}', '{"errcode":true}', '{"errcode":0.0}', '{"code":0}']
)
def test_without_an_integer_code_dingtalk_delivered_nothing(body: str) -> None:
    assert DingTalk().read(200, {}, body.encode()).outcome is Outcome.RETRY


def test_dingtalk_signs_as_its_published_vector() -> None:
    raw = sign("this is secret", timestamp=1577262236757)
    assert raw == "hmPWwU+7lVdm3ZZz0r9tSfx0L4Q26jWOZr9+Gs6EZQM="
    target = Target("https://oapi.dingtalk.com/robot/send?access_token=x", "this is secret")
    at = datetime.fromtimestamp(1577262236757 / 1000, UTC)
    url = DingTalk().build(PLAIN, target, message_id="m", now=at).url
    assert url.endswith("&timestamp=1577262236757&sign=hmPWwU%2B7lVdm3ZZz0r9tSfx0L4Q26jWOZr9%2BGs6EZQM%3D")
    assert parse_qs(urlsplit(url).query)["sign"] == [raw]


def payload(draft: Draft) -> Any:
    return json.loads(built(DingTalk(), draft).body)


def test_dingtalk_gives_a_button_as_a_card_and_a_mention_as_markdown() -> None:
    card = payload(WITH_BUTTON)["actionCard"]
    assert (card["singleTitle"], card["singleURL"]) == ("签收", LINK)
    mentioning = payload(WITH_MENTION)
    assert mentioning["at"]["atMobiles"] == [MOBILE]
    assert f"@{MOBILE}" in mentioning["markdown"]["text"]
    assert f"[签收]({LINK})" in mentioning["markdown"]["text"]
    assert "at" not in payload(PLAIN)


def test_a_project_name_cannot_plant_a_link_in_the_chat() -> None:
    draft = Draft("【提醒】[点此](https://evil.example)", ("事项：[签收](https://evil.example)",), PLAIN.tail, 1)
    assert "](" not in payload(draft)["markdown"]["text"]


def test_a_webhook_is_signed_as_the_standard_says_and_keeps_its_id() -> None:
    request = built(Webhook(), PLAIN)
    timestamp = request.headers["webhook-timestamp"]
    signed = b"message-1." + timestamp.encode() + b"." + request.body
    expected = base64.b64encode(hmac.new(base64.b64decode(KEY), signed, hashlib.sha256).digest()).decode()
    assert request.headers["webhook-id"] == "message-1"
    assert request.headers["webhook-signature"] == f"v1,{expected}"
    assert timestamp == str(int(NOW.timestamp()))


def test_the_standards_own_vector() -> None:
    signature = sign_webhook(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp=1614265330,
        body=b'{"test": 2432232314}',
    )
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("secret", [None, "", "whsec_", "whsec_c2hvcnQ=", "whsec_not base64!"])
def test_a_webhook_needs_a_proper_secret(secret: str | None) -> None:
    with pytest.raises(Invalid):
        Webhook().check(Target("https://office.example/hook", secret))


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_any_2xx_of_a_webhook_is_a_delivery(status: int) -> None:
    assert Webhook().read(status, {}, b"").outcome is Outcome.SENT
