"""The OpenAPI document as a snapshot: a change of the API shows in review, whoever makes it."""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jsonschema_rs import Draft202012Validator
from ninja import Schema
from pytest_django import Settings

from routing.api.api import api
from tests.conftest import ROOT

SNAPSHOT = Path(__file__).parent / "openapi.json"


def test_the_document_is_the_one_that_was_agreed() -> None:
    document = json.loads(json.dumps(api.get_openapi_schema(), default=str))

    assert document == json.loads(SNAPSHOT.read_text()), "if that is meant: scripts/openapi writes the snapshot anew"


def test_its_names_are_of_one_kind() -> None:
    """What comes in, what goes out, what changes a row: as django-ninja's own documentation calls them."""
    names = set(json.loads(SNAPSHOT.read_text())["components"]["schemas"])
    inputs = {name for name in names if name.endswith(("In", "Patch", "Query", "Params"))}
    paged = {name for name in names if name.startswith("Paged") or name == "Input"}

    assert not [name for name in names if name.endswith(("Told", "Given", "Asked"))]
    assert {name for name in names - inputs - paged if not name.endswith("Out")} <= {
        *("Problem", "FieldProblem", "Code", "MappingOutcome", "Role", "Delivery", "Verdict", "Noun", "Action", "Mark"),
        *(
            "AddressState",
            "By",
            "Grain",
            "ChangeSetState",
            "VerificationState",
            "Kind",
            "Blobs",
            "Tool",
            "Purpose",
            "LinesFor",
            "Deed",
        ),
        "LinesFor",
        "WatchKind",
        "WatchState",
        "Client",
        "SelfTestSchedule",
    }


def test_no_two_schemas_have_one_name() -> None:
    """The document has one place for each name: of two, it would describe one and be wrong about the other."""
    names = Counter(kind.__name__ for kind in _below(Schema) if kind.__module__.startswith("routing."))

    # django-ninja calls what pages of lists take by this name, each time.
    assert [name for name, count in names.items() if count > 1] == ["Input"]


def _below(kind: type[Schema]) -> Iterator[type[Schema]]:
    for each in kind.__subclasses__():
        yield each
        yield from _below(each)


def operations() -> list[tuple[str, Any]]:
    paths = json.loads(SNAPSHOT.read_text())["paths"]
    return [(f"{method.upper()} {path}", each) for path, methods in paths.items() for method, each in methods.items()]


def test_it_says_where_the_server_is_and_which_version(settings: Settings) -> None:
    settings.FACADE_CONTROL_HOSTS, settings.FACADE_TLS = ["facade.example.com"], True
    settings.FACADE_PUBLIC_PORT = 443
    document: Any = api.get_openapi_schema()

    assert [server["url"] for server in document["servers"]] == ["https://facade.example.com"]
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert document["info"]["version"] == version


def test_each_operation_has_the_statuses_that_it_really_has() -> None:
    for name, operation in operations():
        parameters = {each["name"]: each["in"] for each in operation["parameters"]}
        statuses = set(operation["responses"])
        takes_body = "requestBody" in operation

        assert statuses >= {"401", "403", "429", "503"}, name
        assert ({"400", "413"} <= statuses) == takes_body, name
        assert ("422" in statuses) == (takes_body or bool(parameters)), name
        assert ("412" in statuses) == ("If-Match" in parameters), name
        assert "404" in statuses or "path" not in parameters.values(), name
        assert "409" not in statuses or name.startswith(("POST", "PATCH /api/v1/changes/")), name


def test_every_body_and_answer_has_an_example_that_fits() -> None:
    document = json.loads(SNAPSHOT.read_text())

    for name, operation in operations():
        contents = [operation["requestBody"]] if "requestBody" in operation else []
        contents += [answer for answer in operation["responses"].values() if "content" in answer]
        for each in contents:
            (content,) = each["content"].values()
            # With the document's components, to which the schema refers.
            schema = {**content["schema"], "components": document["components"]}
            errors = [error.message for error in Draft202012Validator(schema).iter_errors(content["example"])]
            assert errors == [], (name, content["example"])
        for status, answer in operation["responses"].items():
            assert ("content" in answer) == (status not in ("204", "304")), (name, status)


def test_names_are_the_same_everywhere() -> None:
    """A hostname and a tenant are called one thing, in whatever is asked and answered."""
    schemas = json.loads(SNAPSHOT.read_text())["components"]["schemas"]
    for name in ("MappingOut", "MappingIn", "HostnameOut", "HostnameIn", "ClaimOut", "ClaimIn", "ClaimCheckOut"):
        assert schemas[name]["properties"]["hostname"]["type"] == "string", name
    used = {key for schema in schemas.values() for key in schema.get("properties", {})}
    used |= {each["name"] for _, operation in operations() for each in operation["parameters"]}
    assert not {"tenant_id", "hostname_name", "slug_or_id"} & used
