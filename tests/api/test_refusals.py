"""What is refused: always in one form, with a code for programs, and in words that are no other door's."""

from __future__ import annotations

import ast
import importlib
import json
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

import routing
from routing.models import Hostname, Mapping
from routing.services.base import errors
from routing.services.base.actor import Actor
from routing.services.base.codes import Code
from routing.services.base.errors import ServiceError
from routing.services.mappings.mappings import add_mapping
from tests.api.conftest import ApiClient, api_client_for
from tests.conftest import ROOT, Person

HOST = "docker.acme.com"
DOORS = ("manage.py", "in the admin", "the page", "--reason", "reload", "command line")


@pytest.fixture
def operator(owner: Person) -> ApiClient:
    """Alice's, who operates the platform as well."""
    owner.user.is_superuser = True
    owner.user.save()
    return api_client_for(Person(owner.user, Actor.person(owner.user), owner.tenant, owner.hostname))


def codes(answer: Any) -> tuple[int, str, dict[str, list[str]]]:
    """Status, code, and the codes by field."""
    said = answer.json()
    assert set(said) == {"code", "message", "fields", "request_id"}
    assert not [word for word in DOORS if word in answer.content.decode()]
    return (
        answer.status_code,
        said["code"],
        {name: [each["code"] for each in found] for name, found in said["fields"].items()},
    )


class TestCodes:
    @staticmethod
    def kinds(kind: type[ServiceError] = ServiceError) -> Iterator[type[ServiceError]]:
        yield kind
        for each in kind.__subclasses__():
            yield from TestCodes.kinds(each)

    def test_every_kind_of_refusal_has_one(self) -> None:
        # Those of modules that nothing has imported yet are not among them.
        for module in pkgutil.walk_packages(routing.__path__, "routing."):
            if not module.name.startswith("routing.migrations"):
                importlib.import_module(module.name)
        kinds = list(self.kinds())

        assert {kind.default_code for kind in kinds} <= set(Code)
        # All but the general one have one of their own.
        assert [kind.__name__ for kind in kinds if kind.default_code is Code.INVALID] == ["ServiceError"]

    def test_whatever_is_raised_has_one_of_them_and_each_is_raised(self) -> None:
        """Of every `raise` and every code that the verbs and the API name."""
        named = set()
        for path in [*(ROOT / "routing/services").rglob("*.py"), *(ROOT / "routing/api").rglob("*.py")]:
            if path.name == "codes.py":
                continue
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Code":
                    named.add(node.attr)
                if isinstance(node, ast.keyword) and node.arg == "code" and isinstance(node.value, ast.Constant):
                    # Never a bare word.
                    raise AssertionError(f"{path}: {node.value.value!r} is no Code")

        assert named == set(Code.__members__)

    def test_each_is_explained(self) -> None:
        text = _page("api.md").read_text()

        assert [code for code in Code if f"| `{code}` | {code.meaning} |" not in text] == []
        assert {str(code) for code in Code} == set(_schema("Code")["enum"])


def _page(name: str) -> Path:
    return next((ROOT / "docs").rglob(name))


def _schema(name: str) -> Any:
    return json.loads((ROOT / "tests/api/openapi.json").read_text())["components"]["schemas"][name]


class TestOfInput:
    def test_everything_that_is_wrong_is_told_at_once(self, operator: ApiClient) -> None:
        answer = operator.send(
            "post", "mappings", hostname="not a host", prefix="ACME", target="ftp://x", delivery="by air"
        )

        assert codes(answer) == (
            422,
            "invalid",
            {"hostname": ["invalid"], "prefix": ["invalid"], "target": ["invalid"], "delivery": ["invalid"]},
        )

    def test_also_what_only_the_rows_tell(self, operator: ApiClient) -> None:
        answer = operator.send("post", "mappings", hostname="dockr.acme.com", prefix="a", target="https://127.0.0.1/x")

        assert codes(answer) == (
            422,
            "invalid",
            {"hostname": ["hostname_unknown"], "target": ["registry_not_allowed"]},
        )

    def test_and_of_a_registry_or_a_claim(self, operator: ApiClient) -> None:
        registry = operator.send("post", "registries", tenant="acme", name="", origin="x", alias="a b")
        claim = operator.send("post", "claims", tenant="nobody", hostname="10.0.0.1")

        assert codes(registry)[2].keys() == {"name", "origin", "alias"}
        assert codes(claim) == (422, "invalid", {"tenant": ["not_found"], "hostname": ["hostname_not_allowed"]})

    def test_a_target_that_cant_be_read_and_a_missing_reason(self, owner: Person, api: ApiClient) -> None:
        pk = add_mapping(owner.actor, "", hostname=HOST, prefix="a", target="quay.io/a").mapping.pk

        moved = api.send("patch", f"mappings/{pk}", target="ghcr.io/a")

        assert codes(moved) == (422, "reason_required", {"reason": ["reason_required"]})

    def test_unknown_names_are_told_by_name(self, api: ApiClient) -> None:
        query = api.get("mappings", prefx="a", sort="colour", limit=0)
        body = api.send("post", "mappings", hostname=HOST, target="quay.io/a", prefx="a")

        assert codes(query)[2] == {"prefx": ["unknown_field"], "sort": ["invalid"], "limit": ["invalid"]}
        assert codes(body) == (422, "unknown_field", {"prefx": ["unknown_field"]})

    def test_missing_ones_too(self, api: ApiClient) -> None:
        assert codes(api.send("post", "mappings")) == (
            422,
            "required",
            {"hostname": ["required"], "target": ["required"]},
        )
        assert codes(api.get("explain")) == (422, "required", {"image": ["required"]})


class TestNames:
    def test_a_typing_error_makes_no_hostname(self, operator: ApiClient) -> None:
        body = {"hostname": "dockr.acme.com", "prefix": "a", "target": "quay.io/a", "tenant": "acme"}

        refused = operator.send("post", "mappings", **body)

        assert codes(refused) == (404, "hostname_unknown", {"hostname": ["hostname_unknown"]})
        assert "Did you mean docker.acme.com?" in refused.json()["message"]
        assert "create_hostname" in refused.json()["message"]
        assert not Hostname.objects.filter(name="dockr.acme.com").exists()
        assert operator.send("post", "mappings", **body, create_hostname=True).status_code == 201
        assert Hostname.objects.get(name="dockr.acme.com").tenant.slug == "acme"

    def test_a_tenant_is_told_to_claim_and_not_how_to_create(self, api: ApiClient) -> None:
        refused = api.send("post", "mappings", hostname="dockr.acme.com", target="quay.io/a", create_hostname=True)

        assert codes(refused)[:2] == (404, "hostname_unknown")
        assert "claim and verify it first" in refused.json()["message"]
        assert "Did you mean docker.acme.com?" in refused.json()["message"]
        assert "create_hostname" not in refused.json()["message"]

    def test_nobody_is_told_of_anothers_hostnames(self, outsider: Person, api: ApiClient) -> None:
        refused = api.send("post", "mappings", hostname="docker.globx.com", target="quay.io/a")

        assert "globex" not in refused.content.decode()

    def test_an_address_is_no_hostname(self, operator: ApiClient) -> None:
        for number, name in enumerate(("10.0.0.1", "2130706433", "127.1", "[2001:db8::1]", "*.0.0.1")):
            body = {"hostname": name, "target": "quay.io/a", "tenant": "acme", "create_hostname": True}
            assert codes(operator.send("post", "mappings", **body))[1] == "hostname_not_allowed", name
            added = operator.send("post", "hostnames", tenant="acme", hostname=name)
            assert codes(added) == (422, "hostname_not_allowed", {"hostname": ["hostname_not_allowed"]}), number
        loopback = operator.send("post", "hostnames", tenant="acme", hostname="127.0.0.9")
        assert loopback.status_code == 201

    def test_a_whole_registry_is_named_in_so_many_words(self, operator: ApiClient, owner: Person) -> None:
        body = {"hostname": HOST, "prefix": "all", "target": "ghcr.io"}

        refused = operator.send("post", "mappings", **body)

        assert codes(refused) == (422, "whole_registry", {"target": ["whole_registry"]})
        assert "whole_registry" in refused.json()["message"]
        assert not Mapping.objects.exists()
        added = operator.send("post", "mappings", **body, whole_registry=True)
        assert added.status_code == 201
        pk = operator.send("post", "mappings", hostname=HOST, prefix="b", target="ghcr.io/b").json()["mapping"]["id"]
        moved = operator.send("patch", f"mappings/{pk}", target="quay.io", reason="r")
        assert codes(moved)[1] == "whole_registry"
        assert operator.send("patch", f"mappings/{pk}", target="quay.io", reason="r", whole_registry=True).json()[
            "changed"
        ]

    def test_to_a_tenant_a_shared_one_stays_closed_whatever_it_says(self, operator: ApiClient, owner: Person) -> None:
        owner.user.is_superuser = False
        owner.user.save()

        for said in ({}, {"whole_registry": True}):
            refused = operator.send("post", "mappings", hostname=HOST, prefix="q", target="quay.io", **said)
            assert codes(refused)[:2] == (422, "registry_not_allowed"), said

    @pytest.mark.parametrize("name", ["quay.io", "docker.io", "registry-1.docker.io", "hub.docker.com", "*.docker.io"])
    def test_a_shared_registrys_address_is_nobodys_hostname(
        self, operator: ApiClient, owner: Person, name: str
    ) -> None:
        claim = {"tenant": "acme", "hostname": name}

        refused = [
            operator.send("post", "claims", **claim),
            operator.send("post", "hostnames", **claim),
            operator.send("post", "mappings", hostname=name, target="ghcr.io/a", tenant="acme", create_hostname=True),
        ]

        assert [codes(answer)[1] for answer in refused] == ["hostname_not_allowed"] * 3
        assert not Hostname.objects.filter(name=name).exists()

    def test_nor_is_a_control_host(self, operator: ApiClient) -> None:
        refused = operator.send("post", "hostnames", tenant="acme", hostname="testserver")

        assert codes(refused)[1] == "hostname_not_allowed"


class TestForm:
    def test_methods_and_addresses(self, api: ApiClient) -> None:
        for method, path, allowed in (
            ("put", "/api/v1/mappings", "GET, PATCH, POST"),
            ("delete", "/api/v1/openapi.json", "GET, HEAD"),
            ("post", "/api/v1/", "GET, HEAD"),
        ):
            answer = getattr(api.client, method)(path)
            assert codes(answer)[:2] == (405, "method_not_allowed"), path
            # Like every answer: no cache keeps it, and no browser runs it.
            assert "no-store" in answer.headers["Cache-Control"], path
            assert answer.headers["X-Content-Type-Options"] == "nosniff", path
            assert answer.headers["Allow"] == allowed
        for path in ("/api", "/api/", "/api/v1/nothing", "/api/v2/mappings", "/api/v1/mappings/1/nothing"):
            assert codes(api.client.get(path))[:2] == (404, "not_found"), path

    def test_tokens(self, owner: Person) -> None:
        reader = api_client_for(owner, read_only=True)
        assert codes(reader.send("post", "mappings", hostname=HOST, target="quay.io/a"))[:2] == (403, "read_only_token")
        assert codes(Client(headers={"host": "localhost"}).get("/api/v1/whoami"))[:2] == (401, "token_required")
        assert codes(ApiClient("facade_wrong").get("whoami"))[:2] == (401, "token_invalid")

    def test_a_body_that_is_too_large_or_no_json(self, api: ApiClient) -> None:
        def send(body: bytes) -> Any:
            return api.client.post("/api/v1/mappings", body, content_type="application/json")

        assert codes(send(b'{"hostname": '))[:2] == (400, "malformed")
        assert codes(send(b" " * 2_700_000))[:2] == (413, "too_large")

    def test_what_is_refused_before_the_api_is_asked(self, api: ApiClient, settings: Settings) -> None:
        assert codes(api.client.get("/api/v1/mappings?prefix=%00"))[:2] == (400, "malformed")
        settings.FACADE_TLS = True
        plain = api.client.post("/api/v1/mappings", {}, headers={"host": "testserver"})
        assert codes(plain)[:2] == (403, "permission_denied")
        assert "https" in plain.json()["message"]

    def test_pages_keep_theirs(self) -> None:
        answer = Client(headers={"host": "localhost"}).get("/nothing")

        assert (answer.status_code, answer.headers["Content-Type"]) == (404, "text/html; charset=utf-8")

    def test_a_fault_of_ours(
        self, api: ApiClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def fail(*_: object) -> None:
            raise RuntimeError("secret detail")

        monkeypatch.setattr("routing.services.mappings.explain.explain", fail)

        answer = api.get("explain", image=f"{HOST}/a:1")

        assert codes(answer) == (500, "internal_error", {})
        assert "secret detail" not in answer.content.decode()
        assert "secret detail" in caplog.text

    def test_conflicts_name_no_other_door(self, api: ApiClient) -> None:
        body = {"hostname": HOST, "prefix": "a", "target": "quay.io/a"}
        api.send("post", "mappings", **body)

        other = api.send("post", "mappings", **body | {"target": "quay.io/b"})
        options = api.send("post", "mappings", **body, private=True)
        gone = api.get("mappings/by-name", hostname=HOST, prefix="none")
        unknown = api.get("explain", image="no.acme.com/a:1")

        assert codes(other) == (409, "mapping_exists", {"prefix": ["mapping_exists"]})
        assert codes(options) == (409, "mapping_exists", {"prefix": ["mapping_exists"]})
        assert codes(gone)[:2] == (404, "not_found")
        assert codes(unknown)[:2] == (404, "hostname_unknown")

    def test_an_explanation_names_none_either(self, api: ApiClient) -> None:
        api.send("post", "mappings", hostname=HOST, prefix="a", target="quay.io/a")

        found = api.get("explain", image=f"{HOST}/a/b:1").content.decode()

        assert "probe" in found
        assert not [word for word in DOORS if word in found]


def test_several_refusals_are_one() -> None:
    gathered = errors.Gathered()
    for field in ("a", "b"):
        with gathered:
            raise ServiceError.for_field(field, f"{field} is wrong", Code.TAKEN)

    with pytest.raises(ServiceError) as caught:
        gathered.raise_any()

    assert caught.value.code is Code.TAKEN
    assert caught.value.fields == {"a": ["a is wrong"], "b": ["b is wrong"]}
    # One that is about no input stands for all.
    with pytest.raises(ServiceError, match="everything"), gathered:
        raise ServiceError("everything is wrong")
