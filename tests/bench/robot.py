"""A robot that speaks just enough DingTalk to be sent to at any rate: `python -m tests.bench.robot FILE`.

Prints its port. Answers every request at once, and writes to FILE when each came and what it said.
"""

import asyncio
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import uvloop

from services.notification.channels.base import Target

_LINE = re.compile(r"节点\d+之\d+。")
_ANSWER = b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 27\r\n\r\n{"errcode":0,"errmsg":"ok"}'


@dataclass(frozen=True, slots=True)
class QuickRobot:
    """One process that stands in for any number of robots."""

    port: int
    file: Path

    def target(self, robot: int) -> Target:
        return Target(f"http://127.0.0.1:{self.port}/robot/send?access_token=robot-{robot}", "a secret for signing")

    def heard(self, *, after: int = 0) -> tuple[list[tuple[float, str]], int]:
        """When each request came (as time.time() tells) and the line that it told of, from a place in the file on;
        and the place to go on from. What names no line is left out."""
        with self.file.open("rb") as file:
            file.seek(after)
            read = file.read()
        whole = read[: read.rfind(b"\n") + 1]
        requests = (line.partition(" ") for line in whole.decode().splitlines())
        told = ((float(at), _LINE.search(body)) for at, _, body in requests)
        return [(at, found[0]) for at, found in told if found], after + len(whole)


@contextmanager
def running_robot(folder: Path) -> Iterator[QuickRobot]:
    file = folder / "heard"
    command = [sys.executable, "-m", "tests.bench.robot", str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield QuickRobot(int(process.stdout.readline()), file)
        finally:
            process.terminate()


class _Protocol(asyncio.Protocol):
    def __init__(self, file: BinaryIO) -> None:
        self._file, self._unread = file, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)

    def data_received(self, data: bytes) -> None:
        self._unread += data
        head, found, rest = self._unread.partition(b"\r\n\r\n")
        while found:
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
            if len(rest) < length:
                return
            self._transport.write(_ANSWER)
            self._file.write(b"%.6f %s\n" % (time.time(), rest[:length].replace(b"\n", b" ")))
            self._unread = rest[length:]
            head, found, rest = self._unread.partition(b"\r\n\r\n")


async def _serve(path: str) -> None:
    with open(path, "wb", buffering=0) as file:  # noqa: ASYNC230 - small writes to a file in memory
        server = await asyncio.get_running_loop().create_server(lambda: _Protocol(file), "127.0.0.1", 0)
        sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
        sys.stdout.flush()
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(sys.argv[1]))
