"""What went wrong, always in the same form: `{"message": …, "fields": {…}, "request_id": …}`."""

import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from django.db import Error as DatabaseError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from ninja import NinjaAPI, Schema
from ninja.errors import HttpError, ValidationError

from routing.api.etags import etag
from routing.api.failures import FAILURE_SECONDS
from routing.database.failures import Failure, failure_of
from routing.database.outage import outage
from routing.request_id import current_request_id
from routing.services.base.errors import Conflict, NotFound, Outdated, ServiceError, TooManyRequests, Unavailable
from routing.services.base.permissions import PermissionDenied

logger = logging.getLogger(__name__)


class Problem(Schema):
    """Why a request was refused. Nothing was changed."""

    message: str
    """For a person."""
    fields: dict[str, list[str]] = {}
    """Messages by input, where it is known which one is wrong."""
    request_id: str = ""
    """What the server's log has of this request has it too."""


#: For the OpenAPI document: what every operation can answer instead.
PROBLEMS: dict[int, Any] = dict.fromkeys((400, 401, 403, 404, 409, 422, 429, 503), Problem)
#: The same for those that take If-Match.
ROW_PROBLEMS: dict[int, Any] = {**PROBLEMS, 412: Problem}

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


def problem(status: int, message: str, fields: dict[str, list[str]] | None = None) -> HttpResponse:
    """The answer."""
    said = {"message": message, "fields": fields or {}, "request_id": current_request_id()}
    response = JsonResponse(said, status=status)
    if status == HTTPStatus.UNAUTHORIZED:
        response["WWW-Authenticate"] = 'Bearer realm="Registry Facade API"'
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        response["Retry-After"] = str(FAILURE_SECONDS)
    return response


def database_problem(failure: Failure) -> HttpResponse:
    """The answer while the database can't be used."""
    response = problem(HTTPStatus.SERVICE_UNAVAILABLE, failure.sentence)
    response["Retry-After"] = str(failure.retry_after_seconds)
    return response


def register_exception_handlers(api: NinjaAPI) -> None:
    """Give every refusal that form."""
    api.add_exception_handler(ServiceError, on_verb_error)
    api.add_exception_handler(ValidationError, on_validation_error)
    api.add_exception_handler(HttpError, on_http_error)
    api.add_exception_handler(Http404, on_not_found)
    api.add_exception_handler(DatabaseError, on_database_error)


def api_not_found(request: HttpRequest, **_: str) -> HttpResponse:
    """For addresses below /api/ that lead nowhere."""
    return problem(HTTPStatus.NOT_FOUND, "there is nothing at this address; /api/v1/ describes the API")


def on_verb_error(request: HttpRequest, refusal: ServiceError | type[ServiceError]) -> HttpResponse:
    """What a verb refused, with the status of its kind."""
    assert isinstance(refusal, ServiceError)
    status = next(status for kind, status in _STATUS if isinstance(refusal, kind))
    response = problem(status, refusal.message, {name or "": messages for name, messages in refusal.fields.items()})
    if isinstance(refusal, Outdated):
        response["ETag"] = etag(refusal.version)
    if isinstance(refusal, TooManyRequests | Unavailable):
        response["Retry-After"] = str(refusal.retry_after_seconds)
    return response


def on_validation_error(request: HttpRequest, error: ValidationError | type[ValidationError]) -> HttpResponse:
    """Input of another form than the document says."""
    assert isinstance(error, ValidationError)
    fields: dict[str, list[str]] = {}
    for each in error.errors:
        # ("body", "data", "hostname"): where it was looked for, the function's argument, and the input's name.
        place = [str(part) for part in each["loc"][1:]]
        names = place[1:] if place and place[0] in _ARGUMENTS else place
        fields.setdefault(".".join(names), []).append(each["msg"])
    message = "; ".join(f"{name}: {', '.join(said)}" if name else ", ".join(said) for name, said in fields.items())
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, message, fields)


def on_http_error(request: HttpRequest, error: HttpError | type[HttpError]) -> HttpResponse:
    """django-ninja's own refusals."""
    assert isinstance(error, HttpError)
    return problem(error.status_code, error.message)


def on_not_found(request: HttpRequest, error: Http404 | type[Http404]) -> HttpResponse:
    """An address of no route."""
    return problem(HTTPStatus.NOT_FOUND, "there is no such thing, or it isn't yours")


def on_database_error(request: HttpRequest, error: DatabaseError | type[DatabaseError]) -> HttpResponse:
    """A database that can't be used. What isn't that is a fault of ours, and goes on to Django."""
    assert isinstance(error, DatabaseError)
    failure = failure_of(error)
    if failure is None:
        raise error
    if failure is Failure.GONE:
        outage.begin(failure)
    logger.warning("request refused: the database is %s", failure.value)
    response = database_problem(failure)
    # Django would log it once more.
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response
