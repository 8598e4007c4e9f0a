"""A tenant's owner sends more in the admin's forms than they show: other tenants' ids, and what only others may set."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoDbBlocker

import routing
from routing.dataplane.live.live_table import live_table
from routing.models import (
    Hostname,
    HostnameClaim,
    Invitation,
    Mapping,
    Membership,
    Registry,
    Tenant,
)
from routing.services.base.csv_text import text_cell
from routing.services.hostnames.claims import claim_hostname
from routing.services.hostnames.hostnames import add_hostname
from routing.services.mappings.mappings import add_mapping
from routing.services.people.members import invite
from routing.services.registries.registries import add_registry
from tests.permissions.world import SET_UP, World, made_once, make_world

pytestmark = pytest.mark.django_db
OWNED: dict[type[Any], str] = {
    Tenant: "pk",
    Hostname: "tenant",
    HostnameClaim: "tenant",
    Registry: "tenant",
    Membership: "tenant",
    Invitation: "tenant",
    Mapping: "hostname__tenant",
}
MODELS = {model._meta.model_name or "": model for model in OWNED}
NOUNS = ("mapping", "hostname", "hostnameclaim", "registry", "tenant", "membership", "invitation")


@pytest.fixture(scope="module")
def made_world(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[World]:
    """Made once: what a test does is rolled back."""
    with made_once(django_db_blocker, both_tenants) as made:
        yield made


@pytest.fixture
def world(made_world: World) -> World:
    """Both tenants, at a worker that has its table."""
    live_table.refresh()
    return made_world


def both_tenants() -> World:
    """That of the hostile ones, globex, has one of everything, too."""
    made = make_world()
    globex: Tenant = made["elsewhere"]
    hostname = add_hostname(SET_UP, "", tenant_id=globex.pk, name="pull.globex.example")
    own = add_registry(SET_UP, "", name="Globex", origin="https://registry.globex.example", tenant_id=globex.pk)
    made.subjects |= {
        "their hostname": hostname,
        "their registry": own,
        "their mapping": add_mapping(
            SET_UP, "", hostname=hostname.name, prefix="app", target="registry.globex.example/app"
        ).mapping,
        "their hostnameclaim": claim_hostname(SET_UP, tenant_id=globex.pk, name="claimed.globex.example"),
        "their tenant": globex,
        "their membership": Membership.objects.get(tenant=globex, role="viewer"),
        "their invitation": invite(SET_UP, tenant_id=globex.pk, email="x@globex.example", role="viewer").invitation,
    }
    return made


def rows_of(tenant: Tenant) -> dict[str, list[dict[str, Any]]]:
    """Everything that is a tenant's, to the last column."""
    return {
        model.__name__: list(model.objects.filter(**{path: tenant.pk}).order_by("pk").values())
        for model, path in OWNED.items()
    }


def form_of(client: Client, path: str) -> dict[str, Any] | None:
    """What a browser would send of a form as it is shown; None where there is none for this person."""
    context = client.get(path).context
    if context is None or "adminform" not in context:
        return None
    form = context["adminform"].form
    shown = {field.html_name: field.value() for field in form}
    return {name: value for name, value in shown.items() if value not in (None, False)}


def smuggled(world: World) -> dict[str, Any]:
    """Every column that would move a row to the other tenant or lift what holds it, under every name it may go by."""
    sesame, hostname, registry = world["tenant"], world["hostname"], world["registry"]
    ids = {"tenant": sesame.pk, "hostname": hostname.pk, "registry": registry.pk, "login_registry": registry.pk}
    ids |= {"user": world.people["owner"].pk, "id": world["mapping"].pk, "pk": world["mapping"].pk}
    return {
        **ids,
        **{f"{name}_id": value for name, value in ids.items()},
        "proof_token": "0" * 32,
        "withdrawn": "",
        "suspended": "",
        "max_hostnames": 10**6,
        "max_mappings": 10**6,
        "max_streamed_bytes": 10**12,
        "auth": "none",
        "realm": "https://collect.globex.example/",
        "service": "docker.sesame.example",
        "is_superuser": "on",
        "token_hash": "0" * 64,
        "reason": "because",
    }


def sendings(noun: str, smuggled: dict[str, Any], good: dict[str, Any]) -> list[dict[str, Any]]:
    """What to add to a good form: what it may know by itself, each alone, since one refusal would hide the others.

    What is neither in it nor a column can't be refused, so all of that goes together; and then everything at once.
    """
    columns = {name for field in MODELS[noun]._meta.fields for name in (field.name, field.attname, "pk")}
    alone = {name: value for name, value in smuggled.items() if name in good or name in columns}
    rest = {name: value for name, value in smuggled.items() if name not in alone}
    return [*({name: value} for name, value in alone.items()), rest, smuggled]


def actions_of(client: Client, path: str) -> set[str]:
    """The bulk actions that a list offers; none where it can't be seen."""
    context = client.get(path).context or {}
    form = context.get("action_form")
    return {name for name, _ in form.fields["action"].choices} if form else set()


def typed(world: World, noun: str, view: str) -> dict[str, Any]:
    """What makes a form of the hostile owner's own a good one. A form that isn't here is not open to them."""
    tenant = {"tenant": world["elsewhere"].pk}
    return {
        "mapping add": {"hostname": "pull.globex.example", "prefix": "new", "target": "quay.io/new"},
        "mapping change": {"target": "quay.io/new"},
        "hostname change": {"enabled": ""},
        "hostnameclaim add": {**tenant, "name": "new.globex.example"},
        "registry add": {**tenant, "name": "New", "origin": "https://new.globex.example"},
        "registry change": {"name": "New"},
        "membership change": {"role": "operator"},
        "invitation add": {**tenant, "email": "new@globex.example", "role": "viewer"},
    }.get(f"{noun} {view}", {})


@pytest.mark.parametrize("role", ["owner elsewhere", "operator elsewhere"])
@pytest.mark.parametrize("noun", NOUNS)
@pytest.mark.parametrize("view", ["add", "change"])
def test_the_id_of_another_tenant_in_a_form_moves_nothing_there(world: World, role: str, noun: str, view: str) -> None:
    client, sesame, globex = world.client(role), world["tenant"], world["elsewhere"]
    arguments = [world[f"their {noun}"].pk] if view == "change" else []
    path = reverse(f"admin:routing_{noun}_{view}", args=arguments)
    shown = form_of(client, path)
    good = (shown or {}) | typed(world, noun, view)
    before, own = rows_of(sesame), rows_of(globex)

    # Who has no form is refused before anything that was sent is read.
    for more in [smuggled(world)] if shown is None else sendings(noun, smuggled(world), good):
        client.post(path, {**good, **more})
    client.post(path, {**good, "reason": "because"})

    assert rows_of(sesame) == before
    if role == "owner elsewhere":
        # Where there is a form for them it was a good one: something of their own has come of it.
        assert (rows_of(globex) != own) == bool(typed(world, noun, view))


@pytest.mark.parametrize("noun", NOUNS)
def test_nor_does_what_only_others_may_set_change_ones_own(world: World, noun: str) -> None:
    client, globex = world.client("owner elsewhere"), world["elsewhere"]
    Tenant.objects.filter(pk=globex.pk).update(max_hostnames=7, max_mappings=7, max_streamed_bytes=7)
    path = reverse(f"admin:routing_{noun}_change", args=[world[f"their {noun}"].pk])
    kept: dict[type[Any], tuple[str, ...]] = {
        Tenant: ("slug", "suspended", "max_hostnames", "max_mappings", "max_streamed_bytes"),
        Hostname: ("tenant", "name", "proof_token", "suspended"),
        Registry: ("tenant", "auth", "realm", "service"),
        Mapping: ("hostname", "prefix"),
        Membership: ("tenant", "user"),
        Invitation: ("tenant", "email", "role"),
        HostnameClaim: ("tenant", "name"),
    }

    def columns() -> dict[str, list[dict[str, Any]]]:
        return {model.__name__: list(model.objects.order_by("pk").values(*names)) for model, names in kept.items()}

    shown, before = form_of(client, path) or {}, columns()
    hidden = {name: value for name, value in smuggled(world).items() if name not in shown}
    for more in sendings(noun, hidden | {"suspended": "on"}, shown):
        client.post(path, {**shown, "reason": "because", **more})

    assert columns() == before


def test_ids_of_others_in_bulk_actions_do_nothing_to_them(world: World) -> None:
    client, sesame = world.client("owner elsewhere"), world["tenant"]
    before = rows_of(sesame)
    actions = ("switch_on", "switch_off", "remove_all", "suspend", "unsuspend", "probe", "delete_selected", "withdraw")

    for noun in NOUNS:
        path = reverse(f"admin:routing_{noun}_changelist")
        theirs, own = _of(world, noun), world[f"their {noun}"]
        offered = actions_of(client, path)
        for action in actions:
            chosen = {"action": action, "confirmed": "yes", "reason": "x", "_selected_action": [own.pk, theirs.pk]}
            client.post(path, chosen | {"select_across": "1"})
            if action in offered:
                client.post(path, chosen)
                client.post(path, chosen | {"_selected_action": [theirs.pk]})

    assert rows_of(sesame) == before
    # What there was of one's own to do was done: the actions were real ones.
    assert not Mapping.objects.filter(pk=world["their mapping"].pk).exists()


def _of(world: World, noun: str) -> Any:
    return world[{"hostnameclaim": "claim", "membership": "member"}.get(noun, noun)]


def test_no_name_or_reason_in_a_table_to_take_away_is_a_formula() -> None:
    """Whoever writes for spreadsheets writes texts by `text_cell`, which decides what becomes of `=HYPERLINK(…)`."""
    folder = Path(routing.__file__).parent
    writers = ("csv.writer", "csv.DictWriter", "from csv", "openpyxl", "xlsx")

    found = [path for path in folder.rglob("*.py") if any(word in path.read_text() for word in writers)]

    assert found
    assert [path.name for path in found if "text_cell(" not in path.read_text()] == []


@pytest.mark.parametrize("text", ["=HYPERLINK(1)", "+1", "-1", "@SUM(1)", "\t=1", "\r=1"])
def test_what_would_be_a_formula_is_a_text(text: str) -> None:
    assert text_cell(text) == f"'{text}"
    assert text_cell(f"a{text}") == f"a{text}"
