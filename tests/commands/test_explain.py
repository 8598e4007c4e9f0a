"""explain IMAGE: what it prints, and what it says of what is no image."""

from __future__ import annotations

import time
from hashlib import sha256
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from routing.manifest_store.sightings import sightings
from routing.manifest_store.store import Manifest, Repository, manifest_store
from routing.models import Mapping, Registry

pytestmark = pytest.mark.django_db
HOST = "docker.acme.com"


def explain(image: str, **options: bool) -> str:
    out = StringIO()
    call_command("explain", image, stdout=out, **options)
    return out.getvalue()


@pytest.fixture
def _mapped() -> None:
    call_command("add_mapping", HOST, "acme", "ghcr.io/acme", stdout=StringIO())
    Registry.objects.filter(origin="https://ghcr.io").update(auth="bearer")


@pytest.mark.usefixtures("_mapped")
class TestExplained:
    def test_it_prints_where_an_image_leads(self) -> None:
        facts = dict(line.split(":", 1) for line in explain(f"{HOST}/acme/app:1.0").split("\n\n")[0].splitlines())

        assert {name: value.strip() for name, value in facts.items()} == {
            "hostname": HOST,
            "tenant": "default",
            "mapping": f"{HOST}/acme → ghcr.io/acme",
            "registry": "GitHub Container Registry (https://ghcr.io, shared; asks for bearer credentials)",
            "upstream name": "acme/app",
            "strategy": "split",
            "pull": f"docker pull {HOST}/acme/app:1.0",
        }

    def test_it_prints_the_decision_for_each_endpoint(self) -> None:
        decisions = explain(f"{HOST}/acme/app:1.0").split("Decisions:\n")[1].split("\n\n")[0].splitlines()

        assert {line.split()[0] for line in decisions} == {"ping", "manifest", "blob", "tags", "referrers"}
        (redirected, relayed) = [line for line in decisions if line.startswith("  manifest")]
        assert "redirected                https://ghcr.io/v2/acme/app/manifests/1.0  [docker (containerd" in redirected
        assert "relayed (after a token)   https://ghcr.io/v2/acme/app/manifests/1.0  [podman" in relayed
        assert any("https://ghcr.io/v2/acme/app/blobs/sha256:…  [" in line for line in decisions)

    def test_clients_that_get_the_same_are_counted(self) -> None:
        decisions = explain(f"{HOST}/acme/app:1.0").split("Decisions:\n")[1].split("\n\n")[0].splitlines()

        assert "[docker (containerd image store) and 1 more]" in decisions[0]
        assert [line for line in decisions if ";" in line] == []

    def test_every_client_is_named_on_demand(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("COLUMNS", "60")

        decisions = explain(f"{HOST}/acme/app:1.0", verbose=True).split("Decisions:\n")[1].split("\n\n")[0]

        names = [line.strip() for line in decisions.splitlines() if line.startswith(" " * 12)]
        assert max(map(len, names)) <= 48
        of_pings = decisions.partition("  manifest")[0].splitlines()
        assert [line.strip() for line in of_pings[1:3]] == [
            "docker (containerd image store);",
            "docker (classic image store)",
        ]
        assert " ".join(names).count("anything else") == 5

    def test_it_prints_what_each_client_meets(self) -> None:
        Mapping.objects.update(probed_repository="acme/app", public="yes", blob_delivery="redirect")

        said = explain(f"{HOST}/acme/app:1.0")

        docker = next(line for line in said.splitlines() if line.startswith("  docker (classic"))
        assert (
            docker.split(None, 4)[4]
            == "works          manifest redirected, layers redirected; through the facade: none"
        )
        podman = next(line for line in said.splitlines() if line.startswith("  podman "))
        assert "works          manifest relayed, layers resolved; through the facade: manifests (some KB)" in podman

    @pytest.mark.parametrize(
        "written", [f"https://{HOST}/acme/app", f"docker://{HOST}/acme/app", f"{HOST}:8443/acme/app"]
    )
    def test_however_it_is_written(self, written: str) -> None:
        assert f"docker pull {HOST}/acme/app:latest" in explain(written)

    def test_what_comes_from_the_facades_memory(self, settings: Settings, tmp_path: Path) -> None:
        settings.STATE_DIR, settings.FACADE_MANIFEST_STORE_BYTES = tmp_path, 1024**2
        store, repository = manifest_store(), Repository("https://ghcr.io", "acme/app")
        assert store is not None
        digest = f"sha256:{sha256(b'{}').hexdigest()}"
        assert "memory" not in explain(f"{HOST}/acme/app@{digest}")

        store.keep(repository, "1", Manifest(digest, (("content-type", "application/json"),), time.time()), b"{}")
        said = explain(f"{HOST}/acme/app@{digest}")
        store.settle()

        where = f"https://ghcr.io/v2/acme/app/manifests/{digest}, from the facade's memory"
        assert f"relayed (after a token)   {where}" in said
        assert said.count("memory") == 1
        Mapping.objects.update(private=True)
        assert "memory" not in explain(f"{HOST}/acme/app@{digest}")

    def test_what_came_from_memory_in_an_outage(self, settings: Settings, tmp_path: Path) -> None:
        settings.STATE_DIR = tmp_path
        sightings.forget()
        assert "could not answer" not in explain(f"{HOST}/acme/app:1.0")

        sightings.see_stale(HOST, "acme")
        said = explain(f"{HOST}/acme/app:1.0")
        assert "ghcr.io could not answer, so manifests came from the facade's memory, last just now. Layers" in said
        settings.FACADE_STALE_SECONDS = 0
        assert "could not answer" not in explain(f"{HOST}/acme/app:1.0")

    def test_what_is_not_mapped(self) -> None:
        said = explain(f"{HOST}/other/app")

        assert "mapping:       none" in said
        assert "Note: No mapping covers this name" in said
        assert "works" not in said


@pytest.mark.parametrize(
    ("image", "says"),
    [
        ("alpine", "not an image of a hostname: write it like docker.acme.com/acme/app:1.0"),
        ("docker_x/acme", "“docker_x” is not a hostname"),
        (f"{HOST}/ACME/app", "“ACME/app” is not a repository name"),
        (f"{HOST}/acme/app:a:b", "“a:b” is not a tag"),
        (f"{HOST}/acme/app@sha256:0", "“sha256:0” is not a digest"),
        (f"{HOST}/acme/app", "docker.acme.com is not a hostname of this facade"),
    ],
)
def test_what_is_no_image_is_said_in_one_line(image: str, says: str) -> None:
    with pytest.raises(CommandError) as refused:
        explain(image)

    assert says in str(refused.value)
    assert "\n" not in str(refused.value)
