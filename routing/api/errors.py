"""What went wrong, always in one form: `{"code": …, "message": …, "fields": {…}, "request_id": …}`.

The code is for programs, the message for people. `routing/services/base/codes.py` lists the codes.
"""

import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from ninja import NinjaAPI, Schema
from ninja.errors import HttpError, ValidationError
from pydantic import Field

from routing.api.etags import etag
from routing.api.failures import FAILURE_SECONDS
from routing.database.failures import Failure, failure_of
from routing.database.outage import outage
from routing.request_id import current_request_id
from routing.services.base.actor import Actor
from routing.services.base.codes import Code
from routing.services.base.errors import (
    Conflict,
    FieldError,
    NotFound,
    Outdated,
    ServiceError,
    TooManyRequests,
    Unavailable,
)
from routing.services.base.permissions import PermissionDenied

logger = logging.getLogger(__name__)


class FieldProblem(Schema):
    """What is wrong with one input."""

    code: Code
    message: str


class Problem(Schema):
    """Why a request was refused. Nothing was changed."""

    code: Code = Field(description="For programs. It stays when the message is worded anew.")
    message: str = Field(description="For people.")
    fields: dict[str, list[FieldProblem]] = Field(
        description="What is wrong with each input, where that is known. The empty name stands for the whole."
    )
    request_id: str = Field(description="What the server's log has of this request has it too.")


#: For the OpenAPI document: what every operation can answer instead. The document leaves out what an operation without
#: a body, an input or If-Match never answers.
PROBLEMS: dict[int, Any] = dict.fromkeys((400, 401, 403, 413, 422, 429, 503), Problem)
#: The same for operations that look up what a request names.
NAMING_PROBLEMS: dict[int, Any] = {**PROBLEMS, 404: Problem}
#: The same for operations that add what may be there already.
ADDING_PROBLEMS: dict[int, Any] = {**NAMING_PROBLEMS, 409: Problem}
#: The same for operations of a single row, which take If-Match.
ROW_PROBLEMS: dict[int, Any] = {**NAMING_PROBLEMS, 412: Problem}
#: The same for those that find out that what they are about is not so any more.
CHANGING_PROBLEMS: dict[int, Any] = {**ROW_PROBLEMS, 409: Problem}

_STATUS: Sequence[tuple[type[ServiceError], HTTPStatus]] = (
    (NotFound, HTTPStatus.NOT_FOUND),
    (PermissionDenied, HTTPStatus.FORBIDDEN),
    (Conflict, HTTPStatus.CONFLICT),
    (Outdated, HTTPStatus.PRECONDITION_FAILED),
    (TooManyRequests, HTTPStatus.TOO_MANY_REQUESTS),
    (Unavailable, HTTPStatus.SERVICE_UNAVAILABLE),
    (ServiceError, HTTPStatus.UNPROCESSABLE_ENTITY),
)
# The names of the routes' own arguments, by which django-ninja says where an input stood.
_ARGUMENTS = frozenset({"data", "params", "ninja_pagination"})
_CODES_OF_INPUT = {"missing": Code.REQUIRED, "extra_forbidden": Code.UNKNOWN_FIELD}
_CODES_OF_STATUS = {
    400: Code.MALFORMED,
    401: Code.TOKEN_REQUIRED,
    403: Code.PERMISSION_DENIED,
    404: Code.NOT_FOUND,
    405: Code.METHOD_NOT_ALLOWED,
    413: Code.TOO_LARGE,
    429: Code.TOO_MANY_REQUESTS,
    500: Code.INTERNAL_ERROR,
    502: Code.MAIL_FAILED,
    503: Code.UNAVAILABLE,
}
# Which input says in so many words that what was refused is meant.
_HINTS = {
    Code.HOSTNAME_UNKNOWN: "To create it, send “create_hostname”: true",
    Code.WHOLE_REGISTRY: "To map all of it, send “whole_registry”: true",
}


class CodedHttpError(HttpError):
    """A refusal of the API's own. Raised where no verb was asked."""

    def __init__(self, status_code: int, message: str, code: Code) -> None:
        super().__init__(status_code, message)
        self.code = code


def problem(status: int, code: Code, message: str, errors: Sequence[FieldError] = ()) -> HttpResponse:
    """The answer."""
    fields: dict[str, list[dict[str, str]]] = {}
    for error in errors:
        fields.setdefault(error.field, []).append({"code": error.code, "message": error.message})
    said = {"code": code, "message": message, "fields": fields, "request_id": current_request_id()}
    response = JsonResponse(said, status=status)
    if status == HTTPStatus.UNAUTHORIZED:
        response["WWW-Authenticate"] = 'Bearer realm="Registry Facade API"'
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        response["Retry-After"] = str(FAILURE_SECONDS)
    return response


def database_problem(failure: Failure) -> HttpResponse:
    """The answer while the database can't be used."""
    response = problem(HTTPStatus.SERVICE_UNAVAILABLE, Code.UNAVAILABLE, failure.sentence)
    response["Retry-After"] = str(failure.retry_after_seconds)
    return response


def register_exception_handlers(api: NinjaAPI) -> None:
    """Give every refusal that form."""
    api.add_exception_handler(ServiceError, on_verb_error)
    api.add_exception_handler(ValidationError, on_validation_error)
    api.add_exception_handler(HttpError, on_http_error)
    api.add_exception_handler(Http404, on_not_found)
    api.add_exception_handler(SuspiciousOperation, on_suspicious_request)
    api.add_exception_handler(UnreadablePostError, on_suspicious_request)
    api.add_exception_handler(Exception, on_server_error)


def api_not_found(request: HttpRequest, **_: str) -> HttpResponse:
    """For addresses below /api/ that lead nowhere."""
    message = "there is nothing at this address; /api/v1/ describes the API"
    return problem(HTTPStatus.NOT_FOUND, Code.NOT_FOUND, message)


def code_of_status(status: int) -> Code:
    """The code of a refusal of which no more is known than its status."""
    return _CODES_OF_STATUS.get(status, Code.INVALID)


def on_verb_error(request: HttpRequest, refusal: ServiceError | type[ServiceError]) -> HttpResponse:
    """What a verb refused, with the status of its kind."""
    assert isinstance(refusal, ServiceError)
    status = next(status for kind, status in _STATUS if isinstance(refusal, kind))
    actor: Actor | None = getattr(request, "actor", None)
    errors = [error._replace(message=_with_hint(error.message, error.code, actor)) for error in refusal.errors]
    response = problem(status, refusal.code, _with_hint(refusal.message, refusal.code, actor), errors)
    if isinstance(refusal, Outdated):
        response["ETag"] = etag(refusal.version)
    if isinstance(refusal, TooManyRequests | Unavailable):
        response["Retry-After"] = str(refusal.retry_after_seconds)
    return response


def _with_hint(message: str, code: Code, actor: Actor | None) -> str:
    hint = _HINTS.get(code)
    # Only operators of the platform create hostnames by saying so.
    if hint is None or (code is Code.HOSTNAME_UNKNOWN and not (actor and actor.is_operator)):
        return message
    return f"{message}{'' if message.endswith(('.', '?')) else '.'} {hint}"


def on_validation_error(request: HttpRequest, error: ValidationError | type[ValidationError]) -> HttpResponse:
    """Input of another form than the document says: all of it at once, by the names that the sender knows."""
    assert isinstance(error, ValidationError)
    errors = [FieldError(_name_of(each["loc"]), _said(each), _code_of(each["type"])) for each in error.errors]
    message = "; ".join(f"{each.field}: {each.message}" if each.field else each.message for each in errors)
    codes = {each.code for each in errors}
    code = codes.pop() if len(codes) == 1 else Code.INVALID
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, code, message, errors)


def _name_of(place: Sequence[Any]) -> str:
    # ("body", "data", "hostname"): where it was looked for, the function's argument, and the input's name.
    names = [str(part) for part in place[1:]]
    return ".".join(names[1:] if names and names[0] in _ARGUMENTS else names)


def _said(found: Any) -> str:
    return str(found["msg"]).removeprefix("Value error, ")


def _code_of(kind: str) -> Code:
    # Our own validators raise with one of the codes; all other kinds are pydantic's.
    ours = {str(code): code for code in Code}
    return ours.get(kind) or _CODES_OF_INPUT.get(kind, Code.INVALID)


def on_http_error(request: HttpRequest, error: HttpError | type[HttpError]) -> HttpResponse:
    """django-ninja's own refusals."""
    assert isinstance(error, HttpError)
    code = getattr(error, "code", None) or code_of_status(error.status_code)
    # What a parser said of a body may quote it, and is no sentence.
    message = "the body is not valid JSON" if code is Code.MALFORMED else error.message
    return problem(error.status_code, code, message)


def on_not_found(request: HttpRequest, error: Http404 | type[Http404]) -> HttpResponse:
    """An address of no route."""
    return problem(HTTPStatus.NOT_FOUND, Code.NOT_FOUND, "there is no such thing, or it isn't yours")


def on_suspicious_request(request: HttpRequest, error: Exception | type[Exception]) -> HttpResponse:
    """A request that Django doesn't read, or could not."""
    if isinstance(error, RequestDataTooBig):
        return problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, Code.TOO_LARGE, "the body is too large")
    return problem(HTTPStatus.BAD_REQUEST, Code.MALFORMED, "the request can't be read")


def on_server_error(request: HttpRequest, error: Exception | type[Exception]) -> HttpResponse:
    """A database that can't be used, or a fault of ours."""
    assert isinstance(error, Exception)
    failure = failure_of(error)
    if failure is None:
        logger.error("%s %s went wrong", request.method, request.path, exc_info=error)
        message = "something is wrong on the server, and it was logged; tell its operators the request's id"
        response = problem(HTTPStatus.INTERNAL_SERVER_ERROR, Code.INTERNAL_ERROR, message)
    else:
        if failure is Failure.GONE:
            outage.begin(failure)
        logger.warning("request refused: the database is %s", failure.value)
        response = database_problem(failure)
    # Django would log it once more.
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response
