"""What the OpenAPI document says that FastAPI cannot see: who may call a route, its headers, its problem answers."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from shared.kit.web.problems import MEDIA_TYPE

_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "description": "urn:liandu:problem:<code>"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "Chinese, for people"},
        "trace_id": {"type": ["string", "null"]},
        "errors": {"type": "array", "items": {"type": "object"}},
    },
    "additionalProperties": True,
}
_REFUSED = {
    "description": "Refused or failed: RFC 9457 problem details",
    "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same request under the same key is done once and answered alike for a day",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}
_IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "description": "The version that was read, as its ETag gave it; updates need it",
    "schema": {"type": "string", "pattern": '^"[0-9]{1,18}"$'},
}


def describe(app: FastAPI) -> None:
    """Make `app` tell the whole story in /openapi.json."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        document = plain()
        components = document.setdefault("components", {})
        if "securitySchemes" not in components:
            components["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
            components.setdefault("schemas", {})["Problem"] = _PROBLEM
            for unused in ("HTTPValidationError", "ValidationError"):
                components["schemas"].pop(unused, None)
            for route in _routes(app):
                _complete(document, route)
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def _routes(app: FastAPI) -> Iterator[Any]:
    for route in app.routes:
        if isinstance(route, APIRoute):
            yield route
        elif (contexts := getattr(route, "effective_route_contexts", None)) is not None:
            yield from contexts()


def _complete(document: dict[str, Any], route: Any) -> None:
    path = document["paths"].get(route.path_format, {})
    calls = [dependency.call for dependency in _dependencies(route.dependant)]
    roles = next((roles for call in calls if (roles := getattr(call, "roles", None)) is not None), None)
    for method in route.methods or ():
        if (operation := path.get(method.lower())) is None:
            continue
        operation["responses"].pop("422", None)
        operation["responses"]["default"] = _REFUSED
        if roles is not None:
            operation["security"] = [{"bearer": sorted(roles)}]
        if any(getattr(call, "writes", False) for call in calls):
            operation.setdefault("parameters", []).extend([_IDEMPOTENCY_KEY, _IF_MATCH])


def _dependencies(dependant: Dependant) -> Iterator[Dependant]:
    for dependency in dependant.dependencies:
        yield dependency
        yield from _dependencies(dependency)
