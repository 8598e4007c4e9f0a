"""What the API takes and answers, beyond who may do what (tests/permissions)."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from pytest_django import Settings

from routing.models import Hostname, Mapping, Registry, Tenant
from routing.services.base.actor import Actor
from routing.services.base.codes import Code
from routing.services.mappings.mappings import add_mapping
from tests.accounts.signing_in import Browser
from tests.api.conftest import ApiClient, api_client_for
from tests.conftest import Person
from tests.dns.name_server import NameServer, txt

HOST = "docker.acme.com"


@pytest.fixture
def operator(owner: Person) -> ApiClient:
    """Alice's, who operates the platform as well."""
    owner.user.is_superuser = True
    owner.user.save()
    return api_client_for(Person(owner.user, Actor.person(owner.user), owner.tenant, owner.hostname))


def problem(answer: Any) -> tuple[int, dict[str, list[str]]]:
    """A refusal, which always has the same form."""
    said = answer.json()
    assert set(said) == {"code", "message", "fields", "request_id"}
    assert said["message"]
    assert {said["code"], *(each["code"] for found in said["fields"].values() for each in found)} <= set(Code)
    return answer.status_code, {name: [each["message"] for each in found] for name, found in said["fields"].items()}


def test_the_life_of_a_mapping(api: ApiClient) -> None:
    new = {"hostname": HOST, "prefix": "app", "target": "quay.io/acme"}
    added = api.send("post", "mappings", **new, reason="moved in")
    pk = added.json()["mapping"]["id"]

    assert added.status_code == 201
    assert added.json()["done"] == [f"added mapping {HOST}/app → quay.io/acme"]
    assert api.send("post", "mappings", **new).status_code == 200
    assert problem(api.send("post", "mappings", **new | {"target": "quay.io/x"}))[0] == 409
    assert problem(api.send("patch", f"mappings/{pk}", target="ghcr.io/x")) == (
        422,
        {"reason": ["Say why: the reason is kept in the history."]},
    )
    changed = api.send("patch", f"mappings/{pk}", target="ghcr.io/x", private=True, reason="moved on").json()
    assert (changed["mapping"]["target"], changed["mapping"]["private"]) == ("ghcr.io/x", True)
    assert [item["enabled"] for item in api.send("patch", "mappings", ids=[pk], enabled=False).json()] == [False]
    assert api.get(f"mappings/{pk}").json()["target"] == "ghcr.io/x"
    assert api.client.delete(f"/api/v1/mappings/{pk}?reason=gone").status_code == 204
    assert Mapping.history.filter(id=pk).latest().history_change_reason == "gone"
    assert problem(api.get(f"mappings/{pk}"))[0] == 404


def test_lists_are_filtered_and_paged(owner: Person, api: ApiClient) -> None:
    for number in range(7):
        add_mapping(owner.actor, "", hostname=HOST, prefix=f"app{number}", target=f"quay.io/a{number}")

    part = api.get("mappings", limit=2, offset=5).json()
    assert ([item["prefix"] for item in part["items"]], part["count"]) == (["app5", "app6"], 7)
    assert api.get("mappings", search="pp3").json()["count"] == 1
    assert api.get("mappings", prefix="app4", hostname=HOST.upper()).json()["count"] == 1
    assert api.get("mappings", tenant="globex").json()["count"] == 0
    assert problem(api.get("mappings", prefx="app4"))[0] == 422
    assert problem(api.get("mappings", limit=501))[1].keys() == {"limit"}
    assert problem(api.get("mappings", offset=10**30))[0] == 422


@pytest.mark.parametrize(
    ("method", "path", "body", "smuggled"),
    [
        ("post", "mappings", {"hostname": HOST, "prefix": "a", "target": "quay.io/a"}, "hostname_id"),
        ("post", "claims", {"tenant": "acme", "hostname": "pull.acme.com"}, "tenant_id"),
        ("post", "registries", {"tenant": "acme", "name": "n", "origin": "https://r.acme.com"}, "tenant_id"),
        ("post", "registries", {"tenant": "acme", "name": "n", "origin": "https://r.acme.com"}, "realm"),
        ("patch", "hostnames/{hostname}", {"enabled": False}, "tenant_id"),
        ("patch", "hostnames/{hostname}", {"enabled": False}, "proof_token"),
        ("patch", "hostnames/{hostname}", {"enabled": False}, "suspended"),
        ("patch", "tenants/{tenant}", {"name": "x"}, "suspended"),
        ("post", "invitations", {"tenant": "acme", "email": "a@example.com", "role": "viewer"}, "token_hash"),
    ],
)
def test_unknown_inputs_are_refused_and_nothing_is_done(
    owner: Person, api: ApiClient, method: str, path: str, body: dict[str, Any], smuggled: str
) -> None:
    path = path.format(hostname=owner.hostname.pk, tenant=owner.tenant.pk)

    status, fields = problem(api.send(method, path, **body, **{smuggled: 1}))

    assert (status, list(fields)) == (422, [smuggled])
    assert not Mapping.objects.exists()
    assert Hostname.objects.get(pk=owner.hostname.pk).enabled
    assert not Registry.objects.filter(tenant=owner.tenant).exists()


def test_nonsense_is_answered_in_the_same_form(api: ApiClient) -> None:
    def send(text: bytes) -> Any:
        return api.client.post("/api/v1/mappings", text, content_type="application/json")

    assert problem(send(b"{"))[0] == 400
    assert problem(send(b"\xff"))[0] == 400
    assert problem(send(b'{"hostname": "\\u0000", "target": "quay.io/a"}'))[0] == 422
    assert problem(send(b"[]"))[0] == 422
    assert problem(api.get(f"mappings/{2**70}"))[0] == 422
    assert problem(api.get("mappings/none"))[0] == 422
    assert problem(api.get("nothing"))[0] == 404
    assert problem(ApiClient().client.get("/api/other"))[0] == 404
    put = api.client.put("/api/v1/mappings")
    assert problem(put)[0] == 405
    assert put.headers["Allow"] == "GET, PATCH, POST"


def test_a_claim_is_proved(api: ApiClient, name_server: NameServer) -> None:
    claimed = api.send("post", "claims", tenant="acme", hostname="Pull.Acme.com").json()
    pk, record = claimed["id"], claimed["record"]

    missing = api.send("post", f"claims/{pk}/check").json()
    name_server.answers(record["name"], txt(record["value"]))
    proved = api.send("post", f"claims/{pk}/check").json()

    assert (missing["proved"], missing["hostname_id"]) == (False, None)
    assert "no record" in missing["finding"]
    assert (proved["hostname"], proved["proved"]) == ("pull.acme.com", True)
    assert api.get(f"hostnames/{proved['hostname_id']}").json()["hostname"] == "pull.acme.com"
    assert api.get("hostnames", hostname="pull.acme.com").json()["count"] == 1
    assert api.get("claims").json()["count"] == 0


def test_a_tenant_is_made_limited_suspended_and_lifted(operator: ApiClient) -> None:
    pk = operator.send("post", "tenants", slug="new", name="New", max_mappings=3).json()["id"]

    operator.send("patch", f"tenants/{pk}", max_hostnames=2, reason="small")
    suspended = operator.send("put", f"tenants/{pk}/suspension", message="malware", reason="abuse")
    assert (suspended.json()["suspended"], suspended.json()["suspension_message"]) == (True, "malware")
    assert operator.client.delete("/api/v1/tenants/new/suspension?reason=clean").json()["suspended"] is False

    tenant = Tenant.objects.get(pk=pk)
    assert (tenant.name, tenant.max_mappings, tenant.max_hostnames, tenant.suspended) == ("New", 3, 2, False)


def test_an_invitation_is_mailed_or_its_link_is_told_once(api: ApiClient, settings: Settings) -> None:
    def invite(email: str) -> Any:
        return api.send("post", "invitations", tenant="acme", email=email, role="viewer").json()

    assert invite("carol@example.com")["link"] is None
    assert [message.to for message in mail.outbox] == [["carol@example.com"]]
    settings.EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
    link = invite("dan@example.com")["link"]
    assert "Invitation to Acme" in Browser().get(link, follow=True).content.decode()
    assert {"token", "token_hash", "link"}.isdisjoint(api.get("invitations").json()["items"][0])


def test_explain_tells_what_the_command_tells(owner: Person, api: ApiClient) -> None:
    add_mapping(owner.actor, "", hostname=HOST, prefix="app", target="quay.io/acme")

    found = api.get("explain", image=f"{HOST}/app/web:1.0").json()

    assert (found["upstream_name"], found["strategy"]) == ("acme/web", "broker")
    assert found["mapping"]["target"] == "quay.io/acme"
    assert {step["endpoint"] for step in found["clients"][0]["steps"]} >= {"manifest", "blob"}
    assert problem(api.get("explain", image="nonsense"))[0] == 422


def test_a_session_opens_nothing_here(owner: Person) -> None:
    client = Client(headers={"host": "localhost"}, enforce_csrf_checks=True)
    client.force_login(owner.user)

    assert problem(client.get("/api/v1/mappings"))[0] == 401
    assert problem(client.post("/api/v1/claims", {"tenant": "acme", "hostname": "x.acme.com"}))[0] == 401


def test_tenants_hostnames_do_not_serve_the_api(owner: Person, api: ApiClient) -> None:
    for path in ("/api/v1/whoami", "/api/v1/", "/api/v1/openapi.json"):
        assert api.client.get(path, headers={"host": HOST}).status_code == 404


def test_the_reference_page_needs_no_script_and_names_every_route() -> None:
    page = Browser().get("/api/v1/").content.decode()
    document = Browser().get("/api/v1/openapi.json").json()

    assert "<script>" not in page
    assert " onclick" not in page
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", page)
    for path, methods in document["paths"].items():
        for method in methods:
            assert f"{method.upper()} {path}" in page
