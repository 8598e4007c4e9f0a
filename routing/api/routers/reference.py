"""The reference page: the OpenAPI document, written for people, with no script."""

from functools import cache
from typing import Any, NamedTuple

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from routing.api.api import api


class Input(NamedTuple):
    """One input of an operation: where it goes, and what it may be."""

    name: str
    place: str
    kind: str
    required: bool
    about: str


class Operation(NamedTuple):
    """One operation."""

    name: str
    method: str
    path: str
    about: str
    inputs: list[Input]


@require_safe
def reference(request: HttpRequest) -> HttpResponse:
    """The page, for everybody: it tells what there is, and nothing of anybody's."""
    return render(request, "routing/api/reference.html", {"groups": _groups()})


@cache
def _groups() -> dict[str, list[Operation]]:
    document: Any = api.get_openapi_schema()
    groups: dict[str, list[Operation]] = {}
    for path, methods in document["paths"].items():
        for method, each in methods.items():
            operation = Operation(
                each["operationId"], method.upper(), path, each.get("description", ""), _inputs(document, each)
            )
            groups.setdefault(each["tags"][0], []).append(operation)
    return groups


def _inputs(document: Any, operation: Any) -> list[Input]:
    found = [
        _input(document, each["name"], each["in"], each["schema"], each["required"])
        for each in operation.get("parameters", [])
    ]
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    if body is not None:
        # One that may be left out is that or null.
        schema = _resolved(document, next((each for each in body.get("anyOf", []) if "$ref" in each), body))
        required = schema.get("required", [])
        found += [_input(document, name, "body", each, name in required) for name, each in schema["properties"].items()]
    return found


def _input(document: Any, name: str, place: str, schema: Any, required: bool) -> Input:
    return Input(name, place, _kind(document, schema), required, schema.get("description", ""))


def _kind(document: Any, schema: Any) -> str:
    if "anyOf" in schema:
        return " or ".join(_kind(document, each) for each in schema["anyOf"])
    schema = _resolved(document, schema)
    if "enum" in schema:
        return " | ".join(str(value) for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_kind(document, schema['items'])}"
    return str(schema.get("type", "anything"))


def _resolved(document: Any, schema: Any) -> Any:
    for each in schema.get("allOf", []):
        return _resolved(document, each)
    if "$ref" in schema:
        return document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema
