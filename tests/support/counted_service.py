"""The smallest thing the launcher can start: counts its starts in its database and says so over HTTP.

python -m tests.support.counted_service [migrate]
"""

import asyncio
import json
import os
import sys
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer

import asyncpg

from shared.kit.database import provision

_URL = os.environ["LIANDU_DATABASE_URL"]


async def migrate() -> None:
    password = _URL.split("@", maxsplit=1)[0].rpartition(":")[2]
    await provision(os.environ["LIANDU_ADMIN_DATABASE_URL"], "tiny", password)
    await _execute("CREATE TABLE IF NOT EXISTS start (at timestamptz NOT NULL DEFAULT now())")


async def _execute(statement: str) -> list[asyncpg.Record]:
    conn = await asyncpg.connect(_URL)
    try:
        rows: list[asyncpg.Record] = await conn.fetch(statement)
        return rows
    finally:
        await conn.close()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        answers: dict[str, Callable[[], object]] = {
            "/readyz": lambda: {"ready": True},
            "/starts": lambda: {"starts": asyncio.run(_execute("SELECT count(*) FROM start"))[0][0]},
            "/env": lambda: {key: value for key, value in os.environ.items() if key.startswith("LIANDU_")},
        }
        body = json.dumps(answers[self.path]()).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


def serve() -> None:
    asyncio.run(_execute("INSERT INTO start DEFAULT VALUES"))
    sys.stdout.write(json.dumps({"level": "warning", "event": "tiny is up", "port": os.environ["LIANDU_PORT"]}) + "\n")
    HTTPServer((os.environ["LIANDU_HOST"], int(os.environ["LIANDU_PORT"])), Handler).serve_forever()


if __name__ == "__main__":
    asyncio.run(migrate()) if sys.argv[1:] == ["migrate"] else serve()
