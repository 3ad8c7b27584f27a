"""Who is dead, and of whom nobody here can tell."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from services.notification import witness
from tests.support.waiting import eventually

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of another process's death")

_NUMBERED = """
import sys
from services.notification import witness
with witness.number() as number:
    print(number, flush=True)
    sys.stdin.read()
"""


@contextmanager
def numbered() -> Iterator[tuple["subprocess.Popen[str]", int]]:
    """Another process and its number."""
    command = [sys.executable, "-c", _NUMBERED]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield process, int(process.stdout.readline())
        finally:
            process.kill()


async def test_it_is_dead_when_it_was_killed_and_not_while_it_lives_or_is_frozen() -> None:
    with numbered() as (process, number):
        assert not witness.is_dead(number)
        process.send_signal(signal.SIGSTOP)
        assert not witness.is_dead(number)
        process.kill()
        await eventually(lambda: witness.is_dead(number))


async def test_it_is_gone_when_it_says_so() -> None:
    with witness.number() as own:
        assert not witness.is_dead(own)
        assert own.bit_length() < 64
    assert witness.is_dead(own)


async def test_nobody_can_tell_of_a_process_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    with witness.number() as own:
        elsewhere = own
    monkeypatch.setattr(witness, "_here", lambda: (elsewhere >> 32) + 1)
    assert not witness.is_dead(elsewhere)
    assert not witness.is_dead(4711)


async def test_where_there_are_no_such_names_a_number_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(witness, "_here", lambda: 0)
    with witness.number() as own:
        assert own.bit_length() <= 32
        assert not witness.is_dead(own)
    assert not witness.is_dead(own)
