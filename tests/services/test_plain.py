"""What the variables of a plain container name is an ordinary mapping, and follows them when they change."""

from __future__ import annotations

import pytest

from routing.models import Mapping
from routing.services.base.actor import Actor
from routing.services.base.errors import ServiceError
from routing.services.mappings.mappings import add_mapping, remove_mapping, repoint, update_mapping
from routing.services.mappings.plain import Named, take_over

pytestmark = pytest.mark.django_db

ACME = Named("docker.io", "acme", "localhost")
PERSON = Actor.command_line()


def mappings() -> list[str]:
    return [str(mapping) for mapping in Mapping.objects.all()]


def test_the_variables_become_a_mapping_that_takes_pushes_too() -> None:
    outcome = take_over(ACME)

    assert outcome is not None
    assert mappings() == ["localhost/acme → docker.io/acme"]
    assert outcome.mapping.allow_push
    assert "added mapping localhost/acme → docker.io/acme" in outcome.notes


@pytest.mark.parametrize(
    ("host", "target"),
    [
        ("ghcr.io", "ghcr.io/acme"),
        ("registry.hub.docker.com", "docker.io/acme"),
        ("https://quay.io", "quay.io/acme"),
        ("registry.acme.example:5000", "registry.acme.example:5000/acme"),
    ],
)
def test_the_registry_is_any(host: str, target: str) -> None:
    take_over(ACME._replace(registry=host))

    assert mappings() == [f"localhost/acme → {target}"]


def test_without_an_organisation_it_is_all_of_the_registry() -> None:
    take_over(ACME._replace(organisation="", hostname="docker.acme.com"))

    assert mappings() == ["docker.acme.com → docker.io"]


def test_the_same_again_changes_nothing() -> None:
    take_over(ACME)

    assert take_over(ACME) is None
    assert mappings() == ["localhost/acme → docker.io/acme"]


def test_another_registry_repoints_it_and_the_history_says_why() -> None:
    first = take_over(ACME)
    assert first is not None
    second = take_over(ACME._replace(registry="ghcr.io"))

    assert second is not None
    assert second.mapping.pk == first.mapping.pk
    assert mappings() == ["localhost/acme → ghcr.io/acme"]
    last = second.mapping.history.first()
    assert (last.actor, last.history_change_reason) == (
        "program: variables",
        "REGISTRY_HOST=ghcr.io REGISTRY_ORG=acme on localhost",
    )


@pytest.mark.parametrize(
    ("named", "source"),
    [
        (ACME._replace(organisation="globex"), "localhost/globex → docker.io/globex"),
        (ACME._replace(organisation=""), "localhost → docker.io"),
        (ACME._replace(hostname="docker.acme.com"), "docker.acme.com/acme → docker.io/acme"),
    ],
)
def test_another_name_takes_the_place_of_the_former(named: Named, source: str) -> None:
    take_over(ACME)
    take_over(named)

    assert mappings() == [source]
    assert take_over(named) is None


def test_there_and_back_again() -> None:
    for named in (ACME, ACME._replace(hostname="docker.acme.com"), ACME, ACME._replace(registry="ghcr.io")):
        take_over(named)

    assert mappings() == ["localhost/acme → ghcr.io/acme"]


def test_what_people_did_meanwhile_stays_until_the_variables_change() -> None:
    take_over(ACME)
    add_mapping(PERSON, "", hostname="localhost", prefix="other", target="quay.io/other")
    repoint(PERSON, "moved", hostname="localhost", prefix="acme", target="ghcr.io/acme")

    assert take_over(ACME) is None
    assert mappings() == ["localhost/acme → ghcr.io/acme", "localhost/other → quay.io/other"]

    take_over(ACME._replace(registry="quay.io"))
    assert mappings() == ["localhost/acme → quay.io/acme", "localhost/other → quay.io/other"]


def test_what_people_removed_stays_away() -> None:
    take_over(ACME)
    remove_mapping(PERSON, "gone", hostname="localhost", prefix="acme")

    assert take_over(ACME) is None
    assert mappings() == []

    take_over(ACME._replace(registry="quay.io"))
    assert mappings() == ["localhost/acme → quay.io/acme"]


def test_a_mapping_that_is_there_already_is_taken_over_with_its_options() -> None:
    made = add_mapping(PERSON, "", hostname="localhost", prefix="acme", target="quay.io/acme", private=True).mapping

    take_over(ACME)

    assert mappings() == ["localhost/acme → docker.io/acme"]
    made.refresh_from_db()
    assert made.private


def test_a_mapping_of_the_same_target_is_left_as_it_is() -> None:
    made = add_mapping(PERSON, "", hostname="localhost", prefix="acme", target="docker.io/acme").mapping
    update_mapping(PERSON, "off", mapping_id=made.pk, enabled=False)

    outcome = take_over(ACME)

    assert outcome is not None
    assert not outcome.changed
    assert not outcome.mapping.enabled


def test_a_registry_that_may_not_be_is_refused_and_the_former_mapping_stays() -> None:
    take_over(ACME)

    with pytest.raises(ServiceError, match="FACADE_ALLOW_PRIVATE_REGISTRIES"):
        take_over(ACME._replace(registry="10.0.0.1:5000"))

    assert mappings() == ["localhost/acme → docker.io/acme"]
