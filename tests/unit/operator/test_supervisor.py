"""What of the services' logs a person at the terminal sees."""

import pytest

from services.operator.supervisor import shown_line


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (b'{"level": "info", "event": "started"}', None),
        (b'{"level": "warning", "event": "broker lost", "attempt": 2}', "warning broker lost attempt=2"),
        (b'{"level": "error", "event": "no", "timestamp": "x", "exception": "Traceback"}', "error no\nTraceback"),
        (b"Traceback (most recent call last):", "Traceback (most recent call last):"),
        ("链长 \ud83d".encode("utf-8", "surrogatepass"), "链长 \ufffd\ufffd\ufffd"),
        (b"", None),
    ],
)
def test_warnings_and_what_is_no_log_line_are_shown(line: bytes, shown: str | None) -> None:
    assert shown_line(line, all_levels=False) == shown


def test_everything_is_shown_on_request() -> None:
    assert shown_line(b'{"level": "info", "event": "started", "port": 1}', all_levels=True) == "info started port=1"
