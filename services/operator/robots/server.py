"""The HTTP server, which can do what no application can: break a connection in the middle."""

import uvicorn
from fastapi import FastAPI, Request, Response
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_TRANSPORT = "liandu.transport"


class _Protocol(HttpToolsProtocol):
    """Tells the application which connection a request came by."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {_TRANSPORT: {"transport": self.transport}}


async def abort(request: Request) -> Response:
    """Break the connection that a request came by; the response goes nowhere."""
    request.scope["extensions"][_TRANSPORT]["transport"].abort()
    while (await request.receive())["type"] != "http.disconnect":
        pass
    return Response()


def config(app: FastAPI, *, host: str, port: int) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        http=_Protocol,
        ws="none",
        lifespan="off",
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=2,
    )
