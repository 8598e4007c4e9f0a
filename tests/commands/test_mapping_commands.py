"""add_mapping, repoint, remove_mapping and list_mappings: what they do and what they say."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from routing.models import Change, Hostname, Mapping

pytestmark = pytest.mark.django_db
HOST = "docker.acme.com"


def run(*arguments: str, **options: Any) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out, **options)
    return out.getvalue()


def refused(*arguments: str) -> str:
    """What is said on stderr, which is one line."""
    with pytest.raises(CommandError) as caught:
        run(*arguments)
    message = str(caught.value)
    assert "\n" not in message
    assert caught.value.returncode == 1
    return message


class TestAddMapping:
    def test_it_makes_what_is_missing_and_prints_how_to_pull(self) -> None:
        assert run("add_mapping", HOST, "acme", "ghcr.io/acme-inc").splitlines() == [
            "Added tenant default",
            "Added hostname docker.acme.com",
            "Added mapping docker.acme.com/acme → ghcr.io/acme-inc",
            "Pull with: docker pull docker.acme.com/acme/IMAGE",
            "✓ Mapping: active",
            "? DNS: not looked at; docker.acme.com has to point to this facade",
            "? Certificate: not looked at; clients want one for docker.acme.com",
            "? Registry: not looked at; ghcr.io was never probed",
            "? Images: no probe has looked for it yet",
            "To find out: facade probe docker.acme.com/acme/IMAGE",
            "DNS and a certificate for docker.acme.com: see docs/how-to/going-live.md",
        ]

    def test_only_a_hostnames_first_mapping_says_what_it_takes(self) -> None:
        run("add_mapping", HOST, "acme", "ghcr.io/acme")

        assert "going-live.md" not in run("add_mapping", HOST, "more", "ghcr.io/more")

    def test_a_loopback_name_is_reached_as_it_is(self) -> None:
        assert "pull localhost:8000/acme/IMAGE\n" in run("add_mapping", "localhost", "acme", "ghcr.io/acme")

    def test_what_is_switched_off_is_not_said_to_work(self) -> None:
        run("add_mapping", HOST, "acme", "ghcr.io/acme")
        Mapping.objects.update(enabled=False)

        said = run("add_mapping", HOST, "acme", "ghcr.io/acme")

        assert said.splitlines()[1:] == [f"It is disabled. To enable it: facade mapping enable {HOST} acme"]

    def test_an_empty_prefix_maps_the_whole_hostname(self) -> None:
        said = run("add_mapping", HOST, "", "docker.io", "--whole-registry")

        assert "docker.acme.com → docker.io" in said
        assert "docker pull docker.acme.com/IMAGE\n" in said

    @pytest.mark.parametrize("target", ["docker.io", "https://ghcr.io", "index.docker.io"])
    def test_all_of_a_shared_registry_is_asked_back(self, target: str) -> None:
        message = refused("add_mapping", HOST, "zz", target)

        assert "without a path is all of" in message
        assert "or say --whole-registry" in message
        assert not Hostname.objects.exists()

    @pytest.mark.parametrize("typed", ["dockr.acme.com", "docekr.acme.com", "docker.acme.co", "Docker.acmee.com"])
    def test_a_typing_error_makes_no_hostname(self, typed: str) -> None:
        run("add_mapping", HOST, "acme", "ghcr.io/acme")

        message = refused("add_mapping", typed, "acme", "ghcr.io/acme")

        assert f"Did you mean {HOST}? To make {typed.lower()} as well, say --create" in message
        assert list(Hostname.objects.values_list("name", flat=True)) == [HOST]
        assert f"Added hostname {typed.lower()}" in run("add_mapping", typed, "acme", "ghcr.io/acme", "--create")

    def test_a_name_that_is_near_to_none_needs_no_word_more(self) -> None:
        run("add_mapping", HOST, "acme", "ghcr.io/acme")

        assert "Added hostname r1.globex.com" in run("add_mapping", "r1.globex.com", "acme", "ghcr.io/acme")
        assert "Added hostname r2.globex.com" in run("add_mapping", "r2.globex.com", "acme", "ghcr.io/acme")

    def test_a_registry_of_ones_own_is_not_asked_back(self) -> None:
        assert "Added mapping" in run("add_mapping", HOST, "zz", "registry.acme.com:5000")

    def test_a_repository_is_named_in_full(self) -> None:
        assert "docker pull docker.acme.com/acme/app\n" in run("add_mapping", HOST, "acme/app", "ghcr.io/acme/app")

    def test_saying_it_again_changes_nothing_and_says_so(self) -> None:
        run("add_mapping", HOST, "acme", "ghcr.io/acme")
        changes = Change.objects.count()

        said = run("add_mapping", HOST, "acme", "https://ghcr.io/acme")

        assert "Nothing to change: docker.acme.com/acme → ghcr.io/acme is there already" in said
        assert "\nPull with: docker pull docker.acme.com/acme/IMAGE\n" in said
        assert Change.objects.count() == changes

    def test_another_target_is_an_error_that_points_to_repoint(self) -> None:
        run("add_mapping", HOST, "", "docker.io", "--whole-registry")

        message = refused("add_mapping", HOST, "", "ghcr.io", "--whole-registry")

        assert 'facade mapping repoint docker.acme.com "" ghcr.io --reason TEXT' in message

    def test_its_options(self) -> None:
        run(
            *("add_mapping", HOST, "acme", "registry.acme.com:5000/team", "--tenant", "acme"),
            *("--allow-push", "--private", "--redirect-only", "--reason", "ticket 7"),
        )

        mapping = Mapping.objects.get()
        assert mapping.hostname.tenant.slug == mapping.registry.tenant.slug == "acme"  # type: ignore[union-attr]
        assert (mapping.allow_push, mapping.private, mapping.delivery) == (True, True, "redirect-only")
        latest = mapping.history.latest()
        assert latest.history_change_reason == "ticket 7"
        assert latest.actor.startswith("command line: ")

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            (("https://docker.acme.com", "acme", "ghcr.io/acme"), "without scheme or path"),
            ((HOST, "Acme", "ghcr.io/acme"), "not a prefix of a repository name"),
            ((HOST, "acme", "ghcr.io/Acme"), "not a repository name"),
            ((HOST, "acme", "http://r.example/acme"), "FACADE_ALLOW_INSECURE_REGISTRIES"),
            ((HOST, "acme", "10.0.0.1/acme"), "FACADE_ALLOW_PRIVATE_REGISTRIES"),
            ((HOST, "acme", "acme"), "“acme” is no registry on the internet: write it in full"),
            ((HOST, "acme", ""), "give a registry, such as ghcr.io/acme"),
            ((HOST, "acme", "https://"), "give a registry, such as ghcr.io/acme"),
            ((HOST, "acme", "https://ghcr.io/v2/acme"), "leave out /v2/"),
            ((HOST, "acme", "ghcr.io/acme:1.0"), "with no tag or digest"),
            ((HOST, "acme", f"{HOST}/acme"), "round in a circle"),
            (("ghcr.io", "acme", "quay.io/acme"), "point to itself"),
            ((HOST, "acme", "ghcr.io/acme", "--tenant", "not a slug"), "slug"),
            ((HOST, "acme"), "required: TARGET"),
            ((HOST, "acme", "ghcr.io", "x"), "unrecognized arguments: x"),
        ],
    )
    def test_wrong_input_is_one_line_and_changes_nothing(self, arguments: tuple[str, ...], says: str) -> None:
        assert says in refused("add_mapping", *arguments)
        assert not Hostname.objects.exists()


class TestRepoint:
    def test_it_says_from_where_to_where(self) -> None:
        run("add_mapping", HOST, "acme", "ghcr.io/acme")

        said = run("repoint", HOST, "acme", "quay.io/acme", "--reason", "GHCR is down")

        done, note = said.splitlines()
        assert done == "Repointed docker.acme.com/acme from ghcr.io/acme to quay.io/acme"
        assert "content that is missing at quay.io/acme is asked for at ghcr.io/acme" in note
        assert Mapping.objects.get().history.latest().history_change_reason == "GHCR is down"

    def test_a_registry_that_is_new_is_made(self) -> None:
        run("add_mapping", HOST, "acme", "ghcr.io/acme")

        said = run("repoint", HOST, "acme", "r.acme.com/x", "--reason", "x")

        assert said.splitlines()[0] == "Added registry https://r.acme.com"

    def test_nothing_to_change(self) -> None:
        run("add_mapping", HOST, "acme", "ghcr.io/acme")

        said = run("repoint", HOST, "acme", "ghcr.io/acme", "--reason", "x")

        assert said == "Nothing to change: docker.acme.com/acme → ghcr.io/acme already\n"

    def test_all_of_a_shared_registry_is_asked_back_unless_it_was_all_of_one(self) -> None:
        run("add_mapping", HOST, "acme", "ghcr.io/acme")

        assert "all of Docker Hub" in refused("repoint", HOST, "acme", "docker.io", "--reason", "x")
        run("repoint", HOST, "acme", "docker.io", "--reason", "x", "--whole-registry")
        assert "to quay.io" in run("repoint", HOST, "acme", "quay.io", "--reason", "x")

    def test_what_it_refuses(self) -> None:
        run("add_mapping", HOST, "acme", "ghcr.io/acme")

        assert "required: --reason" in refused("repoint", HOST, "acme", "quay.io/acme")
        assert "Say why" in refused("repoint", HOST, "acme", "quay.io/acme", "--reason", " ")
        assert "facade mapping list" in refused("repoint", HOST, "other", "quay.io/acme", "--reason", "x")
        assert Mapping.objects.get().target == "ghcr.io/acme"


class TestRemoveMapping:
    def test_it_says_what_is_gone(self) -> None:
        run("add_mapping", HOST, "acme", "ghcr.io/acme")

        said = run("remove_mapping", HOST, "acme", "--reason", "moved out")

        assert said == "Removed mapping docker.acme.com/acme → ghcr.io/acme\n"
        assert not Mapping.objects.exists()
        assert Mapping.history.latest().history_change_reason == "moved out"

    def test_what_is_not_there_is_not_removed(self) -> None:
        run("add_mapping", HOST, "acme", "ghcr.io/acme")

        assert "no mapping of docker.acme.com/acme/app" in refused("remove_mapping", HOST, "acme/app")
        assert "no mapping of docker.acme.com;" in refused("remove_mapping", HOST, "")


class TestListMappings:
    @pytest.fixture
    def _some(self) -> None:
        run("add_mapping", HOST, "acme", "ghcr.io/acme", "--allow-push", "--private", "--redirect-only")
        run("add_mapping", HOST, "", "docker.io", "--whole-registry")
        run("add_mapping", "docker.globex.com", "globex", "r.globex.com/x", "--tenant", "globex")
        Mapping.objects.filter(prefix="").update(enabled=False)

    @pytest.mark.usefixtures("_some")
    def test_for_people(self) -> None:
        assert run("list_mappings").splitlines() == [
            "docker.acme.com          → docker.io  (off)",
            "docker.acme.com/acme     → ghcr.io/acme  (private, allows push, redirect only)",
            "docker.globex.com/globex → r.globex.com/x",
        ]

    @pytest.mark.usefixtures("_some")
    def test_for_programs(self) -> None:
        rows = json.loads(run("list_mappings", "--json"))

        assert len(rows) == 3
        assert rows[2] == {
            "tenant": "globex",
            "hostname": "docker.globex.com",
            "prefix": "globex",
            "registry": "https://r.globex.com",
            "upstream_prefix": "x",
            "target": "r.globex.com/x",
            "enabled": True,
            "allow_push": False,
            "private": False,
            "delivery": "auto",
            "notice": "",
            "labels": [],
            "published_at": None,
            "standby": None,
            "standby_return_seconds": 0,
            "failed_over_at": None,
        }

    @pytest.mark.usefixtures("_some")
    @pytest.mark.parametrize(
        ("options", "count"),
        [
            (["--tenant", "globex"], 1),
            (["--hostname", "Docker.ACME.com."], 2),
            (["--tenant", "globex", "--hostname", HOST], 0),
        ],
    )
    def test_some_of_them(self, options: list[str], count: int) -> None:
        assert len(json.loads(run("list_mappings", "--json", *options))) == count

    @pytest.mark.usefixtures("_some")
    def test_none_of_those_that_were_asked_for(self) -> None:
        said = run("list_mappings", "--tenant", "globex", "--hostname", HOST)

        assert said == "No mappings of this tenant or hostname.\n"
        assert refused("list_mappings", "--tenant", "nobody") == "there is no tenant nobody"
        assert refused("list_mappings", "--hostname", "no.acme.com") == "there is no hostname no.acme.com"
        assert "not a hostname" in refused("list_mappings", "--hostname", "-")

    def test_none_at_all(self) -> None:
        assert run("list_mappings").startswith("No mappings yet. Add one: facade mapping add")
        assert run("list_mappings", "--json") == "[]\n"

    @pytest.mark.usefixtures("_some")
    def test_their_number_makes_no_more_queries(self, django_assert_num_queries: Any) -> None:
        with django_assert_num_queries(2):
            run("list_mappings", "--json")
