"""The API with its OpenAPI document: real statuses only, examples, where the server is, which version it is."""

from collections.abc import Iterator
from typing import Any

from django.urls import URLPattern, URLResolver
from django.views.decorators.http import require_safe
from ninja import NinjaAPI
from ninja.openapi.schema import OpenAPISchema

from routing import __version__
from routing.accounts.links import base_url

_MOMENT = "2026-03-01T09:30:00Z"
_EXAMPLES = {"boolean": False, "integer": 0, "number": 0, "string": "", "object": {}, "array": [], "null": None}
_FORMATS = {"date-time": _MOMENT, "date": _MOMENT[:10]}
# What each kind of refusal looks like.
_Refusal = tuple[str, str, str]
# What each kind of refusal looks like: its code, the input that it is about, and what is said.
_REFUSALS: dict[str, _Refusal] = {
    "400": ("malformed", "", "the body is not valid JSON"),
    "401": ("token_required", "", "this takes an API token, as “Authorization: Bearer TOKEN”"),
    "403": ("permission_denied", "", "your role in Acme does not allow you to do this; ask one of its owners"),
    "404": ("not_found", "", "there is no such thing, or it isn't yours"),
    "409": ("claim_exists", "hostname", "You have claimed this hostname already."),
    "412": ("outdated", "", "this row was changed meanwhile: it is at version 5 now. Look at it again, then repeat"),
    "413": ("too_large", "", "the body is too large"),
    "422": ("unknown_field", "resaon", "Extra inputs are not permitted"),
    "429": ("too_many_requests", "", "too many changes: 120 in a minute at most. Try again in a minute"),
    "502": ("mail_failed", "", "the mail could not be written, so nobody was invited: try again later"),
    "503": ("unavailable", "", "somebody else's change holds the database: nothing was changed. Try again in a moment"),
}
_REFUSALS_OF: dict[tuple[str, str], _Refusal] = {
    ("add_mapping", "404"): (
        "hostname_unknown",
        "hostname",
        "there is no hostname dockr.acme.com, and creating it was not asked for. Did you mean docker.acme.com? "
        "To create it, send “create_hostname”: true",
    ),
    ("add_mapping", "409"): ("mapping_exists", "prefix", "docker.acme.com/app points to ghcr.io/acme already"),
    ("add_mapping", "422"): (
        "whole_registry",
        "target",
        "ghcr.io without a path is the whole registry: name your part of it, such as ghcr.io/your-organisation, or say "
        "that you mean all of it. To map all of it, send “whole_registry”: true",
    ),
    ("add_hostname", "409"): (
        "hostname_taken",
        "hostname",
        "docker.acme.com is a hostname of Globex: remove it there first",
    ),
    ("verify_change_set", "409"): ("change_set_closed", "", "this change set is applied already"),
    ("undo_change_set", "409"): (
        "changed_since",
        "",
        "nothing was changed, for this is not what was reviewed: the mapping docker.acme.com/app was changed since",
    ),
    ("apply_change_set", "409"): (
        "changed_since",
        "",
        "nothing was changed, for this is not what was reviewed: the mapping docker.acme.com/app is gone",
    ),
    ("apply_change_set", "422"): (
        "confirmation_required",
        "confirm",
        "it changes 40 of the 60 mappings of Acme: say how many mappings it changes in all (40), so that it is meant",
    ),
    ("update_mapping", "422"): ("reason_required", "reason", "Say why: the reason is kept in the history."),
}
_HEADERS = {
    "401": ("WWW-Authenticate", "The scheme, Bearer (RFC 6750)."),
    "412": ("ETag", "The row's present version."),
    "429": ("Retry-After", "When to come back, in seconds."),
    "503": ("Retry-After", "When to come back, in seconds."),
}


class FacadeAPI(NinjaAPI):
    """django-ninja's, whose document says no more than is so, and whose every refusal has one form."""

    def get_openapi_schema(self, **kwargs: Any) -> OpenAPISchema:
        """The document."""
        document = super().get_openapi_schema(**kwargs)
        document["info"]["version"] = __version__
        document["servers"] = [{"url": base_url(), "description": "This facade, as its settings say it is reached."}]
        for operation in _operations(document):
            _tell_real_statuses(operation)
            _give_examples(document, operation)
        return document

    def _get_urls(self) -> list[URLResolver | URLPattern]:
        patterns = super()._get_urls()
        for pattern in patterns:
            # django-ninja's own, the document, takes any method.
            if isinstance(pattern, URLPattern) and pattern.name == "openapi-json":
                pattern.callback = require_safe(pattern.callback)
        return patterns


def _operations(document: Any) -> Iterator[Any]:
    for methods in document["paths"].values():
        yield from methods.values()


def _tell_real_statuses(operation: Any) -> None:
    """Leave out the refusals of what an operation doesn't take."""
    parameters = operation["parameters"]
    takes_body = "requestBody" in operation
    never = {400, 413} if not takes_body else set()
    if not takes_body and not parameters:
        never.add(422)
    if not any(parameter["name"] == "If-Match" for parameter in parameters):
        never.add(412)
    operation["responses"] = {
        str(status): answer for status, answer in operation["responses"].items() if int(status) not in never
    }


def _give_examples(document: Any, operation: Any) -> None:
    for parameter in operation["parameters"]:
        # In a parameter this is a map of OpenAPI's own, and not JSON Schema's list.
        examples = parameter.pop("examples", None)
        if examples:
            parameter["example"] = examples[0]
    for content in operation.get("requestBody", {}).get("content", {}).values():
        content["example"] = example_of(document, content["schema"], only_told=True)
    for status, answer in operation["responses"].items():
        for content in answer.get("content", {}).values():
            content["example"] = (
                _refusal(operation["operationId"], status)
                if status in _REFUSALS
                else example_of(document, content["schema"])
            )
        if status in _HEADERS:
            name, about = _HEADERS[status]
            answer["headers"] = {name: {"description": about, "schema": {"type": "string"}}}


def _refusal(operation: str, status: str) -> dict[str, Any]:
    code, field, message = _REFUSALS_OF.get((operation, status), _REFUSALS[status])
    fields = {field: [{"code": code, "message": message}]} if field else {}
    return {"code": code, "message": message, "fields": fields, "request_id": "0f3a5c7e9b1d4f60"}


def example_of(document: Any, schema: Any, *, only_told: bool = False) -> Any:
    """A value that fits a schema: its own example, or one that is put together from those of its parts.

    `only_told`: of an object, what is required and what has an example of its own.
    """
    if "examples" in schema:
        return schema["examples"][0]
    if "default" in schema:
        return schema["default"]
    if "$ref" in schema:
        return example_of(
            document, document["components"]["schemas"][schema["$ref"].rpartition("/")[2]], only_told=only_told
        )
    for combined in ("anyOf", "allOf"):
        if combined in schema:
            return example_of(document, schema[combined][0], only_told=only_told)
    if "enum" in schema:
        return schema["enum"][0]
    if "properties" in schema:
        required = schema.get("required", [])
        return {
            name: example_of(document, each)
            for name, each in schema["properties"].items()
            if not only_told or name in required or "examples" in each
        }
    if schema.get("type") == "array":
        return [example_of(document, schema["items"])]
    return _FORMATS.get(schema.get("format", ""), _EXAMPLES[schema.get("type", "null")])
