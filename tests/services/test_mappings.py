"""The verbs of mappings: what they do, what they say, and what they leave alone."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from pytest_django import Settings

from routing.core.table.mapping_entry import Flag
from routing.core.table.routing_table import Table
from routing.models import Change, Generation, Hostname, Mapping, Registry, Tenant
from routing.services.base.actor import Actor
from routing.services.base.codes import Code
from routing.services.base.errors import Conflict, NotFound, ServiceError
from routing.services.mappings.mappings import (
    add_mapping,
    remove_mapping,
    remove_mappings,
    repoint,
    switch_mappings,
    update_mapping,
)
from routing.services.mappings.pull_command import pull_command

pytestmark = pytest.mark.django_db
HOST = "docker.acme.com"


def add(actor: Actor, prefix: str = "acme", target: str = "ghcr.io/acme", hostname: str = HOST) -> Mapping:
    return add_mapping(actor, "", hostname=hostname, prefix=prefix, target=target).mapping


def test_adding_makes_what_is_missing_and_says_so(platform: Actor) -> None:
    outcome = add_mapping(
        platform, "new", hostname="Docker.Acme.COM.", prefix="/acme/", target="registry.acme.com:5000/x"
    )

    assert outcome.notes == [
        "added tenant default",
        "added hostname docker.acme.com",
        "added registry https://registry.acme.com:5000",
        "added mapping docker.acme.com/acme → registry.acme.com:5000/x",
    ]
    mapping = Mapping.objects.get()
    assert (mapping.hostname.name, mapping.prefix, mapping.upstream_prefix) == ("docker.acme.com", "acme", "x")
    assert (mapping.hostname.tenant.slug, mapping.registry.tenant) == ("default", mapping.hostname.tenant)
    assert mapping.enabled
    assert not mapping.allow_push
    assert pull_command(mapping) == "docker pull docker.acme.com/acme/IMAGE"


@pytest.mark.parametrize(
    ("target", "origin", "upstream"),
    [
        ("ghcr.io/acme", "https://ghcr.io", "acme"),
        ("https://ghcr.io/acme/", "https://ghcr.io", "acme"),
        ("GHCR.io:443/acme/team", "https://ghcr.io", "acme/team"),
        ("docker.io/acme", "https://registry-1.docker.io", "acme"),
        ("registry-1.docker.io/acme", "https://registry-1.docker.io", "acme"),
        ("quay.io", "https://quay.io", ""),
    ],
)
def test_well_known_registries_are_found_by_address_or_alias(
    platform: Actor, target: str, origin: str, upstream: str
) -> None:
    known = Registry.objects.count()

    mapping = add(platform, target=target)

    assert (mapping.registry.origin, mapping.upstream_prefix) == (origin, upstream)
    assert mapping.registry.tenant is None
    assert Registry.objects.count() == known


def test_the_tenant_that_is_named_gets_the_hostname(platform: Actor) -> None:
    add_mapping(platform, "", hostname=HOST, prefix="acme", target="ghcr.io/acme", tenant="acme")

    assert Hostname.objects.get().tenant.slug == "acme"
    again = add_mapping(platform, "", hostname=HOST, prefix="more", target="ghcr.io/more")
    assert again.mapping.hostname.tenant.slug == "acme"
    with pytest.raises(Conflict, match="belongs to another tenant than globex"):
        add_mapping(platform, "", hostname=HOST, prefix="other", target="ghcr.io/other", tenant="globex")
    assert not Tenant.objects.filter(slug="globex").exists()


def test_saying_the_same_again_changes_nothing(platform: Actor) -> None:
    first = add(platform, target="docker.io/acme")
    changes, histories = Change.objects.count(), Mapping.history.count()

    for target in ("docker.io/acme", "https://registry-1.docker.io/acme", "DOCKER.io/acme/"):
        outcome = add_mapping(platform, "again", hostname=HOST, prefix="acme", target=target)
        assert (outcome.mapping, outcome.notes) == (first, [])

    assert (Change.objects.count(), Mapping.history.count()) == (changes, histories)


def test_another_target_is_a_conflict_that_points_to_repoint(platform: Actor) -> None:
    add(platform)

    with pytest.raises(Conflict) as caught:
        add(platform, target="quay.io/acme")

    assert "manage.py" not in caught.value.message
    assert "facade mapping repoint docker.acme.com acme quay.io/acme --reason TEXT" in caught.value.command_line_message
    assert caught.value.errors[0][::2] == ("prefix", Code.MAPPING_EXISTS)
    assert Mapping.objects.get().registry.origin == "https://ghcr.io"


def test_other_options_are_a_conflict(platform: Actor) -> None:
    add(platform)

    with pytest.raises(Conflict, match="other options"):
        add_mapping(platform, "", hostname=HOST, prefix="acme", target="ghcr.io/acme", allow_push=True)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"hostname": ""}, "give a hostname"),
        ({"hostname": "https://docker.acme.com"}, "without scheme or path"),
        ({"hostname": "docker.acme.com:8443"}, "without a port"),
        ({"hostname": "docker_acme.com"}, "not a hostname"),
        ({"prefix": "Acme"}, "not a prefix of a repository name"),
        ({"prefix": "acme//app"}, "not a prefix of a repository name"),
        ({"prefix": "a" * 256}, "not a prefix of a repository name"),
        ({"prefix": "acme:1.0"}, "not a prefix of a repository name"),
        ({"target": ""}, "give a registry, such as ghcr.io"),
        ({"target": "ghcr.io/Acme"}, "not a repository name"),
        ({"target": "ftp://ghcr.io/acme"}, "not the address of a registry"),
        ({"target": "https://user:pw@ghcr.io/acme"}, "no user name or password"),
        ({"target": "ghcr.io:99999/acme"}, "between 1 and 65535"),
        ({"target": "gh_cr.io/acme"}, "malformed"),
        ({"target": "ghcr.io?x/acme"}, "ends after host and port"),
        ({"target": "ghcr.io/acme:latest"}, "not a repository name"),
        ({"tenant": "Not A Slug"}, "slug"),
    ],
)
def test_wrong_input_is_refused_in_one_line_and_leaves_nothing(
    platform: Actor, fields: dict[str, str], says: str
) -> None:
    given: dict[str, str] = {"hostname": HOST, "prefix": "acme", "target": "ghcr.io/acme", **fields}

    with pytest.raises(ServiceError) as caught:
        add_mapping(platform, "", **given)  # type: ignore[arg-type]

    assert says in caught.value.message
    assert "\n" not in caught.value.message
    assert not Hostname.objects.exists()
    assert not Tenant.objects.exists()
    assert not Change.objects.exists()


def test_repointing(platform: Actor, table: Callable[[], Table]) -> None:
    add(platform)
    before = table()

    outcome = repoint(platform, "GHCR is down", hostname=HOST, prefix="acme", target="quay.io/acme-inc")

    assert outcome.notes == ["repointed docker.acme.com/acme from ghcr.io/acme to quay.io/acme-inc"]
    match = table().match_repository(HOST, "acme/app")
    assert match is not None
    assert (match.registry.origin, match.upstream_name) == ("https://quay.io", "acme-inc/app")
    old = before.match_repository(HOST, "acme/app")
    assert old is not None
    assert old.registry.origin == "https://ghcr.io"
    latest = outcome.mapping.history.latest()
    assert (latest.history_change_reason, latest.actor) == ("GHCR is down", "olga")


def test_repointing_to_where_it_leads_changes_nothing(platform: Actor) -> None:
    add(platform)
    generation = Generation.objects.get().value

    outcome = repoint(platform, "again", hostname=HOST, prefix="acme", target="https://ghcr.io/acme")

    assert outcome.notes == []
    assert Generation.objects.get().value == generation


def test_repointing_needs_a_reason_and_a_mapping(platform: Actor) -> None:
    add(platform)

    with pytest.raises(ServiceError, match="Say why"):
        repoint(platform, "  ", hostname=HOST, prefix="acme", target="quay.io/acme")
    with pytest.raises(NotFound, match=re.escape("no mapping of docker.acme.com/acme/app")):
        repoint(platform, "why", hostname=HOST, prefix="acme/app", target="quay.io/acme")
    with pytest.raises(NotFound, match=re.escape("no mapping of docker.acme.com") + "$"):
        repoint(platform, "why", hostname=HOST, prefix="", target="quay.io/acme")
    with pytest.raises(ServiceError, match="not a hostname"):
        repoint(platform, "why", hostname="-", prefix="", target="quay.io/acme")
    assert Mapping.objects.get().target == "ghcr.io/acme"


def test_the_target_that_is_shown_is_one_that_can_be_typed(platform: Actor, settings: Settings) -> None:
    settings.FACADE_ALLOW_INSECURE_REGISTRIES = True
    settings.FACADE_ALLOW_PRIVATE_REGISTRIES = True
    for number, target in enumerate(
        ("http://127.0.0.1:5000/x", "docker.io/acme", "quay.io", "https://r.example:5000/y")
    ):
        mapping = add(platform, f"p{number}", target)

        again = repoint(platform, "as shown", hostname=HOST, prefix=f"p{number}", target=mapping.target)

        assert not again.changed


def test_the_whole_hostname_can_be_mapped(platform: Actor, table: Callable[[], Table]) -> None:
    mapping = add(platform, "", "docker.io")

    assert str(mapping) == "docker.acme.com → docker.io"
    assert pull_command(mapping) == "docker pull docker.acme.com/IMAGE"
    match = table().match_repository(HOST, "alpine")
    assert match is not None
    assert match.upstream_name == "library/alpine"


def test_editing_sets_everything_in_one_step(platform: Actor, table: Callable[[], Table]) -> None:
    mapping = add(platform)
    options = {"allow_push": True, "private": True, "delivery": Mapping.Delivery.REDIRECT_ONLY, "enabled": False}

    outcome = update_mapping(platform, "reorganised", mapping_id=mapping.pk, target="quay.io/acme", **options)  # type: ignore[arg-type]

    assert outcome.notes == [
        "repointed docker.acme.com/acme from ghcr.io/acme to quay.io/acme",
        "changed allow push, private, delivery, enabled of docker.acme.com/acme",
    ]
    match = table().match_repository(HOST, "acme/app")
    assert match is not None
    assert match.flags == Flag.ALLOW_PUSH | Flag.PRIVATE | Flag.REDIRECT_ONLY
    again = update_mapping(platform, "", mapping_id=mapping.pk, target="quay.io/acme", **options)  # type: ignore[arg-type]
    assert not again.changed


def test_editing_needs_a_reason_only_where_the_target_changes(platform: Actor) -> None:
    mapping = add(platform)
    update_mapping(platform, "", mapping_id=mapping.pk, private=True)

    with pytest.raises(ServiceError) as caught:
        update_mapping(platform, "", mapping_id=mapping.pk, target="quay.io/acme", private=False)
    assert caught.value.fields.keys() == {"reason"}
    mapping.refresh_from_db()
    assert (mapping.private, mapping.target) == (True, "ghcr.io/acme")


def test_switching_off_and_on_is_all_or_none(platform: Actor, table: Callable[[], Table]) -> None:
    first, second = add(platform, "a", "ghcr.io/a"), add(platform, "b", "ghcr.io/b")

    changed = switch_mappings(platform, "maintenance", mapping_ids=[first.pk], enabled=False)
    assert changed == [first]
    changed = switch_mappings(platform, "maintenance", mapping_ids=[first.pk, second.pk], enabled=False)
    assert changed == [second]
    with pytest.raises(NotFound):
        switch_mappings(platform, "", mapping_ids=[first.pk, 0], enabled=True)

    assert not Mapping.objects.filter(enabled=True).exists()
    match = table().match_repository(HOST, "a/x")
    assert match is not None
    assert not match.flags & Flag.ENABLED


def test_removing_leaves_the_history_and_the_hostname(platform: Actor, table: Callable[[], Table]) -> None:
    mapping = add(platform)
    key = mapping.pk

    was = remove_mapping(platform, "moved out", hostname=HOST, prefix="acme")

    assert was == "docker.acme.com/acme → ghcr.io/acme"
    assert table().match_repository(HOST, "acme/app") is None
    assert Hostname.objects.filter(name=HOST).exists()
    latest = Mapping.history.filter(id=key).latest()
    assert (latest.history_type, latest.history_change_reason, latest.actor) == ("-", "moved out", "olga")
    with pytest.raises(NotFound):
        remove_mapping(platform, "", hostname=HOST, prefix="acme")


def test_removing_several_is_all_or_none(platform: Actor) -> None:
    first, second = add(platform, "a", "ghcr.io/a"), add(platform, "b", "ghcr.io/b")

    with pytest.raises(NotFound):
        remove_mappings(platform, "", mapping_ids=[first.pk, 0])
    assert Mapping.objects.count() == 2

    was = remove_mappings(platform, "", mapping_ids=[first.pk, second.pk])
    assert sorted(was) == ["docker.acme.com/a → ghcr.io/a", "docker.acme.com/b → ghcr.io/b"]
    assert not Mapping.objects.exists()
