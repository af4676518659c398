"""Request bodies: bounded while they arrive, JSON only, and validated from the bytes in one strict pass."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, Final, TypeVar

from fastapi import Depends, Request
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from p2ptrade.transport.problems import BodyError, findings_of
from p2ptrade.transport.wire_types import WireModel

BODY_BYTES_MAX: Final = 8 * 1024 * 1024
M = TypeVar("M", bound=WireModel)


def json_body(model: type[M], most_bytes: int = BODY_BYTES_MAX) -> Any:
    """Return the dependency that reads a body of `model`; a body longer than `most_bytes` is cut off.

    FastAPI would parse with lax JSON first (`NaN`, unbounded size); this reads the bytes as the model says.
    """

    async def read(request: Request) -> M:
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type != "application/json":
            raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the body must be application/json")
        body = await _bounded(request, most_bytes)
        try:
            return model.model_validate_json(body)
        except ValidationError as error:
            raise BodyError(findings_of(error)) from None

    reader: Callable[[Request], Awaitable[M]] = read
    return Depends(reader)


def body_schema(model: type[WireModel]) -> dict[str, Any]:
    """Return the OpenAPI part that describes a body of `model`, for a route's `openapi_extra`."""
    schema = model.model_json_schema()
    whole = _without_references(schema, schema.pop("$defs", {}))
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": whole}}}}


def _without_references(part: Any, definitions: dict[str, Any]) -> Any:
    """Return a schema with every reference replaced by what it refers to; no wire model contains itself."""
    if isinstance(part, list):
        return [_without_references(item, definitions) for item in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        return _without_references(definitions[part["$ref"].rpartition("/")[2]], definitions)
    return {key: _without_references(value, definitions) for key, value in part.items()}


async def _bounded(request: Request, most_bytes: int) -> bytes:
    too_large = HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a body has at most {most_bytes} bytes")
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > most_bytes:
        raise too_large
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most_bytes:
            raise too_large
    return bytes(body)
