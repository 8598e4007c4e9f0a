"""`facade filter`, and `--filter` of the lists: those that tenants share, and what each finds."""

from __future__ import annotations

import pytest

from routing.models import Hostname, SavedFilter
from routing.services.lists.saved_filters import save_filter
from tests.admin.conftest import add
from tests.commands.facade import facade
from tests.conftest import Person

pytestmark = pytest.mark.django_db


def test_a_filter_from_its_saving_to_its_removal(owner: Person) -> None:
    slug = owner.tenant.slug
    words = ("filter", "save", "mapping", "off", "state=off", "--tenant", slug)
    assert "Saved the filter “off” of mappings" in facade(*words, "--dry-run").out
    assert not SavedFilter.objects.exists()

    made = facade(*words, "--json").json["filter"]
    assert made == {"id": made["id"], "noun": "mapping", "name": "off", "tenant": slug, "terms": {"state": "off"}}
    assert "state=off" in facade("filter", "list").out
    assert facade("filter", "list", "--tenant", slug, "--json").json == [made]
    assert "has a filter of this name already" in facade(*words).err

    assert facade("filter", "remove", str(made["id"])).out == "Removed the filter “off”\n"
    assert facade("filter", "list").out == "No saved filters.\n"
    assert "this saved filter is gone" in facade("filter", "remove", str(made["id"])).err


@pytest.mark.parametrize(
    ("term", "said"),
    [
        ("state", "“state” is no term: write state=VALUE"),
        ("shard=7", "this release knows no filter “shard” here; there are: tenant, hostname,"),
        ("state=perhaps", "“perhaps” is nothing for state: it is on or off or blocked"),
        ("enabled=1", "it is true or false"),
        ("registry_id=ghcr", "it is a number"),
        ("sort=colour", "“colour” is no order"),
        ("hostname=", "it is a hostname"),
    ],
)
def test_a_term_that_is_none_is_refused(owner: Person, term: str, said: str) -> None:
    done = facade("filter", "save", "mapping", "x", term, "--tenant", owner.tenant.slug)

    assert said in done.err
    assert done.status == 1
    assert not SavedFilter.objects.exists()


def test_lists_have_what_a_filter_finds_in_its_order(owner: Person) -> None:
    for prefix, target in (("a", "ghcr.io/a"), ("b", "quay.io/b"), ("c", "ghcr.io/c")):
        add(owner.hostname.name, prefix, target)
    add("docker.other.example", "d", "ghcr.io/d", tenant="other")
    for noun, terms in (
        ("mapping", ("search=ghcr", "sort=-prefix")),
        ("hostname", ("search=other",)),
        ("registry", ("name=quay.io",)),
    ):
        facade("filter", "save", noun, "mine", *terms, "--tenant", owner.tenant.slug)

    mappings = facade("mapping", "list", "--filter", "mine", "--json").json
    assert [row["prefix"] for row in mappings] == ["d", "c", "a"]
    table = facade("mapping", "list", "--filter", "mine", "--csv", "--tenant", owner.tenant.slug).out
    assert [line.split(",")[1] for line in table.splitlines()] == ["prefix", "c", "a"]
    assert "quay.io/b" not in facade("mapping", "list", "--filter", "mine").out
    hostnames = facade("hostname", "list", "--filter", "mine", "--json").json
    assert [row["hostname"] for row in hostnames] == ["docker.other.example"]
    registries = facade("registry", "list", "--filter", "mine", "--json").json
    assert [row["origin"] for row in registries] == ["https://quay.io"]


def test_a_filter_that_is_not_there_or_not_known_lists_nothing(owner: Person) -> None:
    add(owner.hostname.name, "a", "ghcr.io/a")
    Hostname.objects.filter(pk=owner.hostname.pk).update(enabled=False)
    save_filter(owner.actor, noun="mapping", name="private", terms={"state": "off"})
    SavedFilter.objects.create(noun="mapping", name="new", terms={"shard": "7"}, tenant=owner.tenant)

    for name, said in (
        ("none", "there is no saved filter “none” of mappings"),
        ("private", "there is no saved filter “private” of mappings"),
        ("new", "the filter “new” can't be used: this release knows no filter “shard” here"),
    ):
        for more in ((), ("--json",), ("--csv",)):
            done = facade("mapping", "list", "--filter", name, *more)
            assert (said in done.err + done.out, owner.hostname.name in done.out) == (True, False)
            assert done.status == 1
    facade("filter", "save", "mapping", "found", "state=on", "--tenant", owner.tenant.slug)
    assert facade("mapping", "list", "--filter", "found").out == "No mappings that this filter finds.\n"
