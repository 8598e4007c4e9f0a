"""An answer to a change says what is known of the row now, in the words of the other doors."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from routing.models import Hostname, Mapping, Registry
from routing.services.mappings.findings import findings_of, findings_of_hostname
from tests.api.conftest import ApiClient, api_client_for
from tests.commands.facade import facade
from tests.conftest import Person

HOST = "docker.acme.com"
NEW = {"hostname": HOST, "prefix": "app", "target": "quay.io/acme"}


def marks(answer: Any) -> dict[str, str]:
    return {finding["subject"]: finding["mark"] for finding in answer.json()["findings"]}


def test_of_a_mapping_as_the_admin_and_the_commands_say_it(api: ApiClient) -> None:
    added = api.send("post", "mappings", **NEW)

    assert marks(added) == {
        "Mapping": "good",
        "DNS": "not_looked_at",
        "Certificate": "not_looked_at",
        "Registry": "not_looked_at",
        "Images": "not_looked_at",
    }
    found = findings_of(Mapping.objects.get())
    assert added.json()["findings"] == [finding._asdict() for finding in found]
    assert [str(finding) for finding in found] == facade("mapping", "add", *NEW.values(), "--json").json["prospect"][1:]
    assert marks(api.send("post", "mappings", **NEW)) == marks(added)


def test_of_what_a_change_of_a_mapping_comes_to(api: ApiClient) -> None:
    pk = api.send("post", "mappings", **NEW).json()["mapping"]["id"]
    Registry.objects.filter(origin="https://quay.io").update(probed_at=timezone.now(), probe_error="no such name")

    assert marks(api.send("patch", f"mappings/{pk}", private=True))["Registry"] == "bad"
    disabled = api.send("patch", f"mappings/{pk}", enabled=False)
    assert marks(disabled)["Mapping"] == "bad"
    assert "Images" not in marks(disabled)


def test_of_a_mapping_that_was_probed(api: ApiClient, settings: Settings) -> None:
    settings.FACADE_ALLOW_INSECURE_REGISTRIES = settings.FACADE_ALLOW_PRIVATE_REGISTRIES = True
    # Nobody listens there.
    pk = api.send("post", "mappings", **NEW | {"target": "http://127.0.0.1:1/acme"}).json()["mapping"]["id"]

    assert marks(api.send("post", f"mappings/{pk}/probe"))["Registry"] == "bad"


def test_of_one_that_is_gone_by_then(owner: Person, api: ApiClient) -> None:
    api.send("post", "mappings", **NEW)
    mapping = Mapping.objects.get()
    Mapping.objects.filter(pk=mapping.pk).delete()

    (finding,) = findings_of(mapping)

    assert (finding.subject, finding.text) == ("Mapping", "it was removed meanwhile")


class TestHostnames:
    @pytest.fixture
    def operator(self, owner: Person) -> ApiClient:
        """Alice's, who operates the platform as well."""
        owner.user.is_superuser = True
        owner.user.save()
        return api_client_for(owner)

    def test_a_new_one_has_nothing_to_pull_yet(self, owner: Person, operator: ApiClient) -> None:
        added = operator.send("post", "hostnames", tenant="acme", hostname="new.acme.com")

        assert marks(added) == {
            "Hostname": "good",
            "DNS": "not_looked_at",
            "Certificate": "not_looked_at",
            "Mappings": "bad",
        }
        found = findings_of_hostname(Hostname.objects.get(name="new.acme.com"))
        assert added.json()["findings"] == [finding._asdict() for finding in found]

    def test_what_a_change_comes_to(self, owner: Person, operator: ApiClient) -> None:
        operator.send("post", "mappings", **NEW)
        path = f"hostnames/{owner.hostname.pk}"

        assert "Mappings" not in marks(operator.send("patch", path, enabled=True))
        assert marks(operator.send("patch", path, enabled=False))["Hostname"] == "bad"
        assert marks(operator.send("patch", path, enabled=True))["Hostname"] == "good"
        suspended = operator.send("put", f"{path}/suspension", message="unpaid")
        assert suspended.json()["findings"][0]["text"] == "clients are refused: suspended"

    def test_a_record_that_is_missing(self, owner: Person, api: ApiClient) -> None:
        now = timezone.now()
        rows = Hostname.objects.filter(pk=owner.hostname.pk)
        rows.update(proof_token="t" * 32, proof_checked_at=now, proof_missing_since=now)

        assert marks(api.send("patch", f"hostnames/{owner.hostname.pk}", enabled=True))["Verification"] == "bad"

    def test_a_list_asks_for_no_findings(self, owner: Person, api: ApiClient) -> None:
        assert "findings" not in api.get("hostnames").json()["items"][0]
