"""What the probe finds is written down, told, and feeds the strategy. Real registries over sockets."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.utils import timezone
from pytest_django import Settings

from routing.conf import policy
from routing.core.table.routing_table import Change as TableChange
from routing.core.table.routing_table import Strategy
from routing.models import Change, Mapping, Registry
from routing.services.base.actor import Actor
from routing.services.mappings.explain import explain, explain_mapping
from routing.services.mappings.mappings import add_mapping, repoint
from routing.services.mappings.pull_command import pull_command
from routing.services.registries import probes
from routing.services.registries.probes import probe, probe_mapping
from routing.services.registries.registries import add_registry, update_registry
from routing.table.load import load_table
from tests.registries.behaviours import harbor_library
from tests.registries.faulty_server import FaultyServer
from tests.registries.mixed_registry import MixedRegistry
from tests.registries.small_registry import LAYER, SmallRegistry, digest_of

pytestmark = pytest.mark.django_db
HOST = "docker.acme.com"
NOTHING = "http://127.0.0.1:1"


def hub(actor: Actor, server: FaultyServer) -> Registry:
    """A registry that keeps one-component names under library/, as Docker Hub does."""
    return add_registry(actor, "", name="hub", origin=server.url, implicit_namespace="library", tenant_id=None)


def strategies(name: str, actor: Actor) -> tuple[Strategy, bool]:
    """The strategy of an image, and whether every client's pull of it works."""
    found = explain(actor, f"{HOST}/{name}")
    assert found.match is not None
    return found.match.strategy, all(outlook.works for outlook in found.client_support)


@pytest.mark.parametrize(("auth", "strategy"), [("none", Strategy.OPEN), ("bearer", Strategy.SPLIT)])
def test_a_repository_is_looked_into(platform: Actor, server: FaultyServer, auth: str, strategy: Strategy) -> None:
    SmallRegistry(server, auth=auth).redirect_blobs("https://cdn.example/x")
    mapping = add_mapping(platform, "", hostname=HOST, prefix="acme/app", target=f"{server.url}/acme/app").mapping

    began = timezone.now()
    found = probe_mapping(platform, mapping_id=mapping.pk)

    assert (found.probed_repository, found.public, found.probe_error) == ("acme/app", "yes", "")
    assert (found.registry.auth, found.blob_delivery) == (auth, "redirect")
    assert found.blob_origins == "https://cdn.example"
    assert found.probed_at is not None
    assert began <= found.probed_at <= timezone.now()
    assert strategies("acme/app", platform) == (strategy, True)


def test_one_that_is_not_public_is_served_as_private(platform: Actor, server: FaultyServer) -> None:
    SmallRegistry(server, auth="bearer").public = False
    mapping = add_mapping(platform, "", hostname=HOST, prefix="acme/app", target=f"{server.url}/acme/app").mapping

    found = probe_mapping(platform, mapping_id=mapping.pk)

    assert found.public == "no"
    assert strategies("acme/app", platform)[0] is Strategy.BROKER


def test_a_registry_that_serves_layers_itself_is_said_to_beforehand(platform: Actor, server: FaultyServer) -> None:
    SmallRegistry(server, auth="bearer")
    mapping = add_mapping(platform, "", hostname=HOST, prefix="acme/app", target=f"{server.url}/acme/app").mapping

    found = probe_mapping(platform, mapping_id=mapping.pk)

    assert found.blob_delivery == "inline"
    advice = explain_mapping(found).advice
    assert any("serves layers itself: clients that can't follow" in line for line in advice)


def test_one_that_is_not_there_is_said_to_be_so_and_the_mapping_stands(
    platform: Actor, start_server: Callable[[], FaultyServer]
) -> None:
    mapping = add_mapping(platform, "", hostname=HOST, prefix="acme/app", target=f"{NOTHING}/acme/app").mapping

    found = probe_mapping(platform, mapping_id=mapping.pk)

    assert (found.public, found.registry.auth) == ("unknown", "unknown")
    assert found.registry.probe_error
    assert strategies("acme/app", platform) == (Strategy.SPLIT, False)


class TestOneComponent:
    """`alpine → docker.io/alpine`: an image, which is library/alpine there, or an organisation?"""

    def test_an_image_is_found_and_then_every_client_can_pull_it(self, platform: Actor, server: FaultyServer) -> None:
        hub(platform, server)
        SmallRegistry(server, auth="bearer", name="library/alpine").redirect_blobs("https://cdn.example/x")
        mapping = add_mapping(platform, "", hostname=HOST, prefix="alpine", target=f"{server.url}/alpine").mapping
        probe(platform, registry_id=mapping.registry.pk)
        # docker's classic store would be sent to the registry by its ping, and then asked for a token here.
        assert strategies("alpine", platform) == (Strategy.BROKER, False)
        assert any(f"repoint {HOST} alpine" in line for line in explain(platform, f"{HOST}/alpine").advice)

        found = probe_mapping(platform, mapping_id=mapping.pk)

        assert (found.probed_repository, found.public) == ("library/alpine", "yes")
        assert strategies("alpine", platform) == (Strategy.BROKER, True)
        assert not any("repoint" in line for line in explain(platform, f"{HOST}/alpine").advice)
        assert pull_command(found) == f"docker pull {HOST}/alpine"
        assert explain_mapping(found).image.name == "alpine"

    def test_an_organisation_stays_one(self, platform: Actor, server: FaultyServer) -> None:
        hub(platform, server)
        SmallRegistry(server, auth="bearer")
        mapping = add_mapping(platform, "", hostname=HOST, prefix="acme", target=f"{server.url}/acme").mapping

        found = probe_mapping(platform, mapping_id=mapping.pk)

        assert (found.probed_repository, found.public, found.probe_error) == ("", "unknown", "")
        # That acme/app is there at all, nobody has seen.
        assert strategies("acme/app", platform) == (Strategy.SPLIT, False)
        outlook = explain(platform, f"{HOST}/acme/app").client_support[0]
        assert {step.outcome for step in outlook.steps} == {"redirected"}
        assert pull_command(found) == f"docker pull {HOST}/acme/IMAGE"


def test_what_was_found_at_a_former_target_is_forgotten(
    platform: Actor, start_server: Callable[[], FaultyServer]
) -> None:
    old, new = start_server(), start_server()
    SmallRegistry(old, auth="bearer").public = False
    SmallRegistry(new, name="team/web")
    mapping = add_mapping(platform, "", hostname=HOST, prefix="acme/app", target=f"{old.url}/acme/app").mapping
    assert probe_mapping(platform, mapping_id=mapping.pk).public == "no"

    repoint(platform, "moved", hostname=HOST, prefix="acme/app", target=f"{new.url}/team/web")
    mapping.refresh_from_db()
    assert (mapping.public, mapping.probed_repository, mapping.probed_at) == ("unknown", "", None)

    found = probe_mapping(platform, mapping_id=mapping.pk)
    assert (found.probed_repository, found.public) == ("team/web", "yes")


def test_a_registry_that_moves_is_asked_anew(platform: Actor, server: FaultyServer) -> None:
    SmallRegistry(server, auth="bearer")
    registry = add_registry(platform, "", name="ours", origin=server.url, tenant_id=None)
    registry = probe(platform, registry_id=registry.pk)
    assert (registry.auth, registry.realm) == ("bearer", server.url + "/token")
    pk = registry.pk
    assert update_registry(platform, "", registry_id=pk, name="ours, still").row.auth == "bearer"

    registry = update_registry(platform, "", registry_id=pk, origin=NOTHING).row

    assert (registry.auth, registry.realm, registry.service, registry.probed_at) == ("unknown", "", "", None)


class TestCommand:
    def test_an_image_can_be_probed_below_an_organisation(self, platform: Actor, server: FaultyServer) -> None:
        SmallRegistry(server, auth="bearer")
        add_mapping(platform, "", hostname=HOST, prefix="acme", target=f"{server.url}/acme")
        out = StringIO()

        call_command("probe", f"{HOST}/acme/app", stdout=out)

        assert out.getvalue().splitlines() == [
            f"{server.url}: asks for bearer",
            f"{server.url}/acme/app: everybody can pull; layers served: itself",
        ]
        assert Mapping.objects.get().probed_repository == "acme/app"

    def test_a_registry_is_asked_by_its_address(self, platform: Actor, server: FaultyServer) -> None:
        SmallRegistry(server, auth="basic")
        add_mapping(platform, "", hostname=HOST, prefix="acme", target=f"{server.url}/acme")
        out = StringIO()

        call_command("probe", server.url, stdout=out)

        assert out.getvalue() == f"{server.url}: asks for basic\n"


class TestRegularly:
    def test_registries_in_use_are_asked_again_when_what_is_known_has_grown_old(
        self, platform: Actor, start_server: Callable[[], FaultyServer], settings: Settings
    ) -> None:
        used, unused = start_server(), start_server()
        SmallRegistry(used, auth="bearer")
        add_mapping(platform, "", hostname=HOST, prefix="acme", target=f"{used.url}/acme")
        add_registry(platform, "", name="unused", origin=unused.url, tenant_id=None)
        settings.FACADE_PROBE_SECONDS = 3600

        call_command("maintain", "--once")

        registry = Registry.objects.get(origin=used.url)
        assert (registry.auth, unused.connections) == ("bearer", 0)

        SmallRegistry(used, auth="basic")
        call_command("maintain", "--once")
        registry.refresh_from_db()
        assert registry.auth == "bearer"

        Registry.objects.filter(pk=registry.pk).update(probed_at=timezone.now() - timedelta(hours=2))
        call_command("maintain", "--once")
        registry.refresh_from_db()
        assert registry.auth == "basic"

    def test_one_that_does_not_answer_keeps_what_was_known_and_says_why(
        self, platform: Actor, server: FaultyServer
    ) -> None:
        SmallRegistry(server, auth="bearer")
        mapping = add_mapping(platform, "", hostname=HOST, prefix="acme", target=f"{server.url}/acme").mapping
        probe(platform, registry_id=mapping.registry.pk)
        server.answers("/v2/", 500)

        found = probe(platform, registry_id=mapping.registry.pk)

        assert found.auth == "bearer"
        assert found.probe_error


def test_one_that_drips_its_answers_is_asked_for_so_long_and_no_longer(
    platform: Actor, server: FaultyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probes, "PROBE_SECONDS", 0.5)
    server.on("/v2/", lambda exchange: exchange.drip(b"HTTP/1.1 200 OK"))
    server.on("/v2/acme/app/manifests/latest", lambda exchange: exchange.hang())
    mapping = add_mapping(platform, "", hostname=HOST, prefix="acme/app", target=f"{server.url}/acme/app").mapping

    found = probe_mapping(platform, mapping_id=mapping.pk)

    assert (found.public, found.registry.auth) == ("unknown", "unknown")
    for error in (found.probe_error, found.registry.probe_error):
        assert "to answer all questions" in error


class TestMixedRegistries:
    """Those whose ping asks for nothing while some of their repositories do: zot, Nexus, Artifactory."""

    @pytest.mark.parametrize(
        ("area", "challenge", "asks"),
        [
            ("basic", "basic", ("basic", "", "")),
            (
                "bearer",
                "bearer {url}/token/bearer the bearer area",
                ("bearer", "{url}/token/bearer", "the bearer area"),
            ),
        ],
    )
    def test_a_repositorys_own_challenge_is_learned(
        self, platform: Actor, server: FaultyServer, area: str, challenge: str, asks: tuple[str, str, str]
    ) -> None:
        MixedRegistry(server)
        target = f"{server.url}/{area}/app"
        mapping = add_mapping(platform, "", hostname=HOST, prefix=f"{area}/app", target=target).mapping

        found = probe_mapping(platform, mapping_id=mapping.pk)

        assert (found.registry.auth, found.public) == ("none", "no")
        assert found.challenge == challenge.format(url=server.url)
        match = explain(platform, f"{HOST}/{area}/app").match
        assert match is not None
        assert match.strategy is Strategy.BROKER
        assert (match.registry.auth, match.registry.realm, match.registry.service) == tuple(
            part.format(url=server.url) for part in asks
        )

    def test_one_for_everybody_stays_open(self, platform: Actor, server: FaultyServer) -> None:
        MixedRegistry(server)
        target = f"{server.url}/public/app"
        mapping = add_mapping(platform, "", hostname=HOST, prefix="public/app", target=target).mapping
        found = probe_mapping(platform, mapping_id=mapping.pk)
        assert (found.public, found.challenge) == ("yes", "")
        assert strategies("public/app", platform)[0] is Strategy.OPEN

    def test_a_repository_that_gives_tokens_to_everybody_is_brokered(
        self, platform: Actor, server: FaultyServer
    ) -> None:
        """Its ping asks for nothing, so that docker's classic store would never get one by itself."""
        SmallRegistry(server, auth="bearer").redirect_blobs("https://cdn.example/x")
        server.answers("/v2/", 200, {"Content-Type": "application/json"}, b"{}")
        mapping = add_mapping(platform, "", hostname=HOST, prefix="acme/app", target=f"{server.url}/acme/app").mapping
        found = probe_mapping(platform, mapping_id=mapping.pk)
        assert (found.registry.auth, found.public) == ("none", "yes")
        assert found.challenge == f"bearer {server.url}/token the registry"
        assert strategies("acme/app", platform) == (Strategy.BROKER, True)

    def test_a_registry_that_asks_at_its_ping_has_nothing_of_its_repositories_noted(
        self, platform: Actor, server: FaultyServer
    ) -> None:
        SmallRegistry(server, auth="bearer")
        mapping = add_mapping(platform, "", hostname=HOST, prefix="acme/app", target=f"{server.url}/acme/app").mapping
        assert probe_mapping(platform, mapping_id=mapping.pk).challenge == ""

    def test_it_is_forgotten_with_the_former_target(self, platform: Actor, server: FaultyServer) -> None:
        MixedRegistry(server)
        target = f"{server.url}/basic/app"
        mapping = add_mapping(platform, "", hostname=HOST, prefix="basic/app", target=target).mapping
        probe_mapping(platform, mapping_id=mapping.pk)
        repoint(platform, "moved", hostname=HOST, prefix="basic/app", target=f"{server.url}/public/app")
        mapping.refresh_from_db()
        assert (mapping.challenge, mapping.public) == ("", "unknown")

    def test_the_table_says_the_same_whole_and_by_changes(self, platform: Actor, server: FaultyServer) -> None:
        MixedRegistry(server)
        target = f"{server.url}/basic/app"
        mapping = add_mapping(platform, "", hostname=HOST, prefix="basic/app", target=target).mapping
        before = load_table(policy())
        probe_mapping(platform, mapping_id=mapping.pk)
        rows = Change.objects.filter(generation__gt=before.generation).order_by("generation", "pk")
        changes = [TableChange(row.generation, row.kind, row.key, row.entry) for row in rows]
        whole, changed = load_table(policy()), before.apply(changes)
        assert whole.match_repository(HOST, "basic/app") == changed.match_repository(HOST, "basic/app")
        assert whole.host_registries.get(HOST) == changed.host_registries.get(HOST)
        key = str(mapping.registry_id)
        assert whole.login_challenge(HOST, key) == changed.login_challenge(HOST, key) == "basic"


def test_a_repository_behind_the_registrys_own_redirect_is_looked_into(platform: Actor, server: FaultyServer) -> None:
    """Harbor's proxy cache of Docker Hub, asked for an image without its library/."""
    registry = SmallRegistry(server, auth="bearer", name="hub/library/app", tags=("latest",))
    registry.public_names.append("hub/app")
    registry.redirect_blobs("https://cdn.example/x")
    for tail in ("manifests/latest", f"manifests/{digest_of(registry.image)}", f"blobs/{digest_of(LAYER)}"):
        server.on(f"/v2/hub/app/{tail}", harbor_library("hub/app", tail))
    mapping = add_mapping(platform, "", hostname=HOST, prefix="hub/app", target=f"{server.url}/hub/app").mapping
    found = probe_mapping(platform, mapping_id=mapping.pk)
    assert (found.public, found.probe_error, found.blob_delivery) == ("yes", "", "redirect")
