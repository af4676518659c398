"""Errors as `application/problem+json` (RFC 9457), with the same stable codes that the commands use.

`type` is `urn:p2ptrade:problem:<code>`, `errors` lists what was wrong with the body by JSON pointer (RFC 6901). Nothing
of the body is repeated in the answer, because a body may hold an opening.
"""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from p2ptrade.errors import InputError, P2PTradeError, RefusedError
from p2ptrade.transport.wire_types import WireModel

MEDIA_TYPE: Final = "application/problem+json"
URN: Final = "urn:p2ptrade:problem:"
RETRY_AFTER_S: Final = 1
_FINDINGS_MAX: Final = 50


class Finding(WireModel):
    """One thing wrong with a body, and where."""

    pointer: str
    detail: str


class Problem(WireModel):
    """The body of an error answer."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: tuple[Finding, ...] = ()


class BodyError(InputError):
    """A request body does not fit its model."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        first = findings[0]
        super().__init__(first.detail, pointer=first.pointer)
        self.findings = findings


def findings_of(error: ValidationError | RequestValidationError) -> tuple[Finding, ...]:
    """Return what is wrong by JSON pointer, without repeating the input."""
    return tuple(
        Finding(pointer=_pointer(found["loc"]), detail=str(found["msg"]).removeprefix("Value error, "))
        for found in error.errors()[:_FINDINGS_MAX]
    )


def _pointer(location: tuple[int | str, ...]) -> str:
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in location)


def install_problem_handlers(app: FastAPI) -> None:
    """Let every error of `app` leave as a problem."""
    handlers: list[tuple[type[Exception], Callable[[Request, Any], Awaitable[JSONResponse]]]] = [
        (P2PTradeError, _raised_on_purpose),
        (RequestValidationError, _bad_parameter),
        (HTTPException, _http),
    ]
    for kind, handler in handlers:
        app.add_exception_handler(kind, handler)


def _status_of(error: P2PTradeError) -> HTTPStatus:
    if isinstance(error, InputError):
        return HTTPStatus.UNPROCESSABLE_ENTITY
    if isinstance(error, RefusedError):
        return HTTPStatus.CONFLICT
    return HTTPStatus.SERVICE_UNAVAILABLE if error.transient else HTTPStatus.INTERNAL_SERVER_ERROR


async def _raised_on_purpose(request: Request, error: P2PTradeError) -> JSONResponse:
    findings = error.findings if isinstance(error, BodyError) else ()
    return problem_answer(request, _status_of(error), error.problem_type, str(error), findings)


async def _bad_parameter(request: Request, error: RequestValidationError) -> JSONResponse:
    findings = findings_of(error)
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    return problem_answer(request, status, InputError.problem_type, findings[0].detail, findings)


async def _http(request: Request, error: HTTPException) -> JSONResponse:
    status = HTTPStatus(error.status_code)
    code = status.phrase.lower().replace(" ", "-")
    return problem_answer(request, status, code, str(error.detail), headers=error.headers)


def problem_answer(
    request: Request,
    status: HTTPStatus,
    code: str,
    detail: str,
    findings: tuple[Finding, ...] = (),
    headers: Any = None,
) -> JSONResponse:
    """Return the answer for a problem; one that waiting may cure says when to come back."""
    problem = Problem(
        type=URN + code,
        title=status.phrase,
        status=status.value,
        detail=detail,
        instance=request.url.path,
        errors=findings,
    )
    headers = dict(headers or {})
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(RETRY_AFTER_S)
    content = problem.model_dump(mode="json", exclude_defaults=True)
    return JSONResponse(content, status.value, headers=headers, media_type=MEDIA_TYPE)
