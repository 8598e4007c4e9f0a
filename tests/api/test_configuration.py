"""The configuration as a document, for programs: exported, planned, agreed to and applied."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User

from routing.models import Mapping, Tenant
from routing.services.base.actor import Actor
from tests.api.conftest import ApiClient, api_client_for
from tests.commands.facade import facade
from tests.conftest import Person

pytestmark = pytest.mark.django_db
MORE = "version: 1\ntenants:\n  - slug: tools\n    name: Tools\n    hostnames: [{name: tools.acme.com}]\n"


@pytest.fixture
def api(owner: Person) -> ApiClient:
    """The platform's."""
    person = operator()
    return api_client_for(replace(owner, user=person, actor=Actor.person(person)))


def operator() -> User:
    made: User = get_user_model().objects.create_superuser("olga", "olga@example.com")
    return made


def test_what_is_exported_is_applied_without_a_change(api: ApiClient, owner: Person) -> None:
    facade("mapping", "add", owner.hostname.name, "team", "quay.io/team")

    document = api.get("configuration").json()["document"]
    done = api.send("post", "configuration", document=document, prune=True).json()

    assert document == facade("export").out
    assert (done["steps"], done["applied"]) == ([], False)
    assert (
        api.get(f"configuration?tenant={owner.tenant.slug}").json()["document"]
        in facade("export", "--tenant", owner.tenant.slug).out
    )
    assert api.get("configuration?tenant=nobody").status_code == 404


def test_a_plan_is_told_agreed_to_and_carried_out(api: ApiClient, owner: Person) -> None:
    facade("mapping", "add", owner.hostname.name, "team", "quay.io/team")
    document = facade("export").out.replace('upstream_prefix: "team"', 'upstream_prefix: "crew"', 1)

    planned = api.send("post", "configuration", document=document, dry_run=True).json()
    assert Mapping.objects.get().upstream_prefix == "team"
    other = api.send("post", "configuration", document=document, checksum="0" * 32)
    assert (other.status_code, Mapping.objects.get().upstream_prefix) == (409, "team")
    assert "--" not in other.json()["message"]
    assert planned["checksum"] in other.json()["message"]
    done = api.send("post", "configuration", document=document, checksum=planned["checksum"], reason="CHG-1").json()

    assert (planned["applied"], done["applied"]) == (False, True)
    assert done["steps"] == planned["steps"]
    (step,) = done["steps"]
    assert (step["sign"], step["what"]) == ("~", f"mapping {owner.hostname.name}/team")
    assert step["changes"] == [{"name": "upstream_prefix", "before": "team", "after": "crew"}]
    assert document.splitlines()[step["line"] - 1].strip().startswith("- prefix")
    assert Mapping.objects.get().upstream_prefix == "crew"
    assert Mapping.history.latest().history_change_reason == "CHG-1"


def test_sent_again_it_changes_nothing_more(api: ApiClient) -> None:
    first, again = (api.send("post", "configuration", document=MORE).json() for _ in range(2))

    assert [step["what"] for step in first["steps"]] == ["tenant tools", "hostname tools.acme.com"]
    assert (again["steps"], again["applied"]) == ([], False)
    assert Tenant.history.latest().history_change_reason == "applied from a document"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("version: 1\ntenants: [", "line "),
        ("version: 1\nteants: []\n", "teants"),
        ("", "empty"),
        (MORE + "  - slug: other\n    name: Other\n    hostnames: [{name: tools.acme.com}]\n", "tools.acme.com"),
    ],
    ids=["no YAML", "a name mistyped", "nothing", "a rule forbids the last of it"],
)
def test_what_cannot_be_done_changes_nothing_at_all(api: ApiClient, text: str, words: str) -> None:
    before = Tenant.objects.count()

    refused = api.send("post", "configuration", document=text)

    assert refused.status_code in (409, 422)
    assert words in refused.json()["message"]
    assert Tenant.objects.count() == before


def test_who_may_not_apply_one_learns_nothing_of_it(owner: Person) -> None:
    refused = api_client_for(owner).send("post", "configuration", document="version: 1\ntenants: [")

    assert refused.status_code == 403
    assert "line" not in refused.json()["message"]
