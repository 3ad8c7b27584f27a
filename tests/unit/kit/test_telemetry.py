"""Traces, and a log that tells no secrets."""

import io
import json
import logging
import sys
from collections.abc import Iterator

import pytest
import structlog

from shared.kit import telemetry

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """The log as JSON lines, both from structlog and from the standard library."""
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    handlers, level = logging.root.handlers[:], logging.root.level
    telemetry.configure_logging("intake")
    yield written
    structlog.reset_defaults()
    logging.captureWarnings(False)
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


def test_a_span_belongs_to_its_parents_trace_under_an_id_of_its_own() -> None:
    child = telemetry.new_traceparent(PARENT)
    assert child[3:35] == TRACE
    assert child[36:52] != PARENT[36:52]
    assert child.endswith("-01")


@pytest.mark.parametrize(
    "parent",
    [
        None,
        "",
        "x",
        PARENT.upper(),
        PARENT + "-more",
        "ff" + PARENT[2:],
        "00-" + "0" * 32 + PARENT[35:],
        PARENT[:36] + "0" * 16 + "-01",
        PARENT + "\n",
    ],
)
def test_what_is_no_traceparent_begins_a_new_trace(parent: str | None) -> None:
    fresh = telemetry.new_traceparent(parent)
    assert fresh[3:35] != TRACE
    assert telemetry.new_traceparent(fresh)[3:35] == fresh[3:35]


def test_a_later_version_of_the_header_is_understood() -> None:
    assert telemetry.new_traceparent("01" + PARENT[2:] + "-what-the-future-brings")[3:35] == TRACE


def test_log_lines_carry_the_trace_they_belong_to(lines: io.StringIO) -> None:
    with telemetry.tracing(PARENT):
        telemetry.log.info("imported", rows=3, name="智能家电")
    telemetry.log.info("later")
    first, second = map(json.loads, lines.getvalue().splitlines())
    assert (first["event"], first["rows"], first["name"], first["trace_id"]) == ("imported", 3, "智能家电", TRACE)
    assert first["service"] == "intake"
    assert "智能家电" in lines.getvalue()
    assert "trace_id" not in second


def test_the_standard_librarys_lines_have_the_same_form(lines: io.StringIO) -> None:
    logging.getLogger("alembic").warning("table %s is gone", 3)
    said = json.loads(lines.getvalue())
    assert (said["event"], said["level"], said["logger"]) == ("table 3 is gone", "warning", "alembic")


def test_an_exception_is_logged_with_its_traceback_and_without_local_variables(lines: io.StringIO) -> None:
    password_in_a_variable = "hunter2"
    try:
        raise RuntimeError("broken " + password_in_a_variable[:0])
    except RuntimeError as error:
        telemetry.log.error("failed", exc_info=error)
    said = json.loads(lines.getvalue())
    assert "RuntimeError: broken" in said["exception"]
    assert "hunter2" not in said["exception"].replace('password_in_a_variable = "hunter2"', "")


@pytest.mark.parametrize(
    "said",
    [
        "POST https://oapi.dingtalk.com/robot/send?access_token=SECRET&timestamp=1&sign=SECRET%3D",
        "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=SECRET",
        "https://open.feishu.cn/open-apis/bot/v2/hook/SECRET",
        "postgresql://liandu_intake:SECRET@127.0.0.1:5432/liandu",
        "Authorization: Bearer SECRET.SECRET.SECRET",
        "password=SECRET",
    ],
)
def test_secrets_in_texts_are_blanked(said: str, lines: io.StringIO) -> None:
    telemetry.log.warning("could not send", error=said)
    logging.getLogger("anything").error("could not send %s", said)
    assert "SECRET" not in lines.getvalue()
    assert lines.getvalue().count("***") >= 2


@pytest.mark.parametrize("name", ["authorization", "Password", "jwt_secret", "access_token", "api_key", "tokens"])
def test_values_under_telling_names_are_blanked(name: str, lines: io.StringIO) -> None:
    telemetry.log.info("settings", **{name: "xyzzy"})
    assert json.loads(lines.getvalue())[name] == "***"


def test_signed_links_do_not_show_in_logged_paths() -> None:
    assert telemetry.shown_path("/links/" + "A" * 90) == "/links/…"
    assert telemetry.shown_path("/v1/cases/0b2c4f6e-0000-0000-0000-000000000000") == (
        "/v1/cases/0b2c4f6e-0000-0000-0000-000000000000"
    )


def test_a_metric_asked_for_twice_is_the_same_one() -> None:
    first = telemetry.counter("liandu_test_things", "Things", ("kind",))
    assert telemetry.counter("liandu_test_things", "Things", ("kind",)) is first
    with pytest.raises(TypeError, match="Counter"):
        telemetry.gauge("liandu_test_things", "Things")
