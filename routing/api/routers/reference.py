"""The reference page: the OpenAPI document, written for people, with no script."""

import json
from functools import cache
from http import HTTPStatus
from typing import Any, NamedTuple

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from routing.api.api import api
from routing.services.base.codes import Code

_MAX_SEARCH = 100


class Input(NamedTuple):
    """One input of an operation, or one field of an answer: where it goes, and what it may be."""

    name: str
    place: str
    kind: str
    required: bool
    about: str


class Answer(NamedTuple):
    """One answer of an operation. `example` is JSON; "" for no content."""

    status: str
    about: str
    fields: list[Input]
    example: str


class Operation(NamedTuple):
    """One operation."""

    name: str
    method: str
    path: str
    title: str
    about: str
    inputs: list[Input]
    example: str
    answers: list[Answer]
    refusals: list[Answer]

    def is_about(self, words: list[str]) -> bool:
        """Whether all of these words are in what it is called, or in what it takes."""
        text = " ".join((self.name, self.method, self.path, self.about, *(each.name for each in self.inputs))).lower()
        return all(word in text for word in words)


@require_safe
def reference(request: HttpRequest) -> HttpResponse:
    """The page, for everybody: it tells what there is, and nothing of anybody's."""
    search = request.GET.get("q", "")[:_MAX_SEARCH].strip()
    words = search.lower().split()
    found = {group: [each for each in operations if each.is_about(words)] for group, operations in _groups().items()}
    context = {
        "groups": {group: operations for group, operations in found.items() if operations},
        "search": search,
        "codes": list(Code),
    }
    return render(request, "routing/api/reference.html", context)


@cache
def _groups() -> dict[str, list[Operation]]:
    document: Any = api.get_openapi_schema()
    groups: dict[str, list[Operation]] = {}
    for path, methods in document["paths"].items():
        for method, each in methods.items():
            groups.setdefault(each["tags"][0], []).append(_operation(document, method, path, each))
    return groups


def _operation(document: Any, method: str, path: str, each: Any) -> Operation:
    title, _, about = each.get("description", "").partition("\n\n")
    answers = [_answer(document, status, answer) for status, answer in each["responses"].items()]
    content = each.get("requestBody", {}).get("content", {}).get("application/json", {})
    return Operation(
        name=each["operationId"],
        method=method.upper(),
        path=path,
        title=title,
        about=about,
        inputs=_inputs(document, each),
        example=_as_json(content["example"]) if "example" in content else "",
        answers=[answer for answer in answers if answer.status < "300"],
        refusals=[answer for answer in answers if answer.status >= "300"],
    )


def _answer(document: Any, status: str, answer: Any) -> Answer:
    content = answer.get("content", {}).get("application/json", {})
    is_refusal = status >= "300"
    fields = [] if is_refusal or not content else _fields(document, content["schema"])
    about = str(HTTPStatus(int(status)).phrase)
    return Answer(status, about, fields, _as_json(content["example"]) if content else "")


def _as_json(example: Any) -> str:
    return json.dumps(example, indent=2, ensure_ascii=False)


def _fields(document: Any, schema: Any) -> list[Input]:
    """Those of an answer; of a list, those of its items."""
    schema = _resolved(document, schema)
    if schema.get("type") == "array":
        return _fields(document, schema["items"])
    properties = schema.get("properties", {})
    if set(properties) == {"items", "count"}:
        return _fields(document, properties["items"])
    return [_input(document, name, "", each, False) for name, each in properties.items()]


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
        return " or ".join(dict.fromkeys(_kind(document, each) for each in schema["anyOf"]))
    schema = _resolved(document, schema)
    if "enum" in schema:
        return " | ".join(str(value) for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_kind(document, schema['items'])}"
    return str(schema.get("format") or schema.get("type", "anything"))


def _resolved(document: Any, schema: Any) -> Any:
    for each in schema.get("allOf", []):
        return _resolved(document, each)
    if "$ref" in schema:
        return document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema
