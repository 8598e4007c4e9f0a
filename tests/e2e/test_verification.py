"""Two real registries, real skopeo: what is missing is found, the plan for skopeo is run, and the report is clean."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from routing.models import Verification
from routing.services.base.actor import Actor
from routing.services.mappings.mappings import add_mapping
from routing.services.verifications.candidates import Candidate
from routing.services.verifications.reports import plan_of
from routing.services.verifications.verifications import Options, make_report, start_verification
from routing.verification.copy_plan import Tool
from tests.e2e.lab import images
from tests.e2e.lab.registry import Registry

pytestmark = [pytest.mark.e2e, pytest.mark.django_db]
APP = "acme/app"
_INDEX = "application/vnd.oci.image.index.v1+json"


@pytest.fixture
def old() -> Iterator[Registry]:
    registry = Registry("127.0.0.1")
    yield registry
    registry.stop()


@pytest.fixture
def new() -> Iterator[Registry]:
    registry = Registry("127.0.0.1")
    yield registry
    registry.stop()


class Skopeo:
    """Debian's, with a home of its own."""

    def __init__(self, home: Path) -> None:
        settings = home / ".config" / "containers"
        settings.mkdir(parents=True)
        (settings / "policy.json").write_text(json.dumps({"default": [{"type": "insecureAcceptAnything"}]}))
        self._home = home

    def copy(self, source: str, destination: str) -> None:
        options = ["--all", "--preserve-digests", "--src-tls-verify=false", "--dest-tls-verify=false"]
        self.run(["skopeo", "copy", *options, f"docker://{source}", f"docker://{destination}"])

    def run_script(self, text: str) -> None:
        path = self._home / "copy.sh"
        path.write_text(text)
        self.run(["sh", str(path)])

    def run(self, command: list[str]) -> None:
        env = {**os.environ, "HOME": str(self._home), "XDG_RUNTIME_DIR": str(self._home)}
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def fill(registry: Registry) -> None:
    """Two multi-arch images, of which one is signed by cosign's tag and one by the referrers' fallback tag."""
    first, second = images.build("first"), images.build("second", flavour="oci")
    registry.push(first, APP, "1.0")
    registry.push(second, APP, "2.0")
    registry.push(images.build_artifact("cosign"), APP, f"{first.digest.replace(':', '-')}.sig")
    signature = images.build_artifact("notation")
    document = {
        **json.loads(signature.index.content),
        "artifactType": "application/vnd.cncf.notary.signature",
        "subject": second.index.descriptor(),
    }
    manifest = images.Manifest(json.dumps(document).encode(), signature.index.media_type)
    registry.push(images.Image("notation", "oci", manifest, {}, signature.blobs), APP, "the-signature")
    # Without its artifactType, which Debian's skopeo leaves out of an index and then refuses to copy it.
    fallback = {"schemaVersion": 2, "mediaType": _INDEX, "manifests": [manifest.descriptor()]}
    index = images.Manifest(json.dumps(fallback).encode(), _INDEX)
    registry.push(images.Image("fallback", "oci", index, {}, {}), APP, second.digest.replace(":", "-"))


def found_in(row: Verification) -> set[tuple[str, str]]:
    return {(each.kind, each.reference) for each in row.differences.all()}


def test_a_plan_that_real_skopeo_runs_makes_the_report_clean(
    platform: Actor, settings: Settings, old: Registry, new: Registry, tmp_path: Path
) -> None:
    settings.FACADE_ALLOW_INSECURE_REGISTRIES = settings.FACADE_ALLOW_PRIVATE_REGISTRIES = True
    fill(old)
    skopeo = Skopeo(tmp_path)
    skopeo.copy(f"{old.netloc}/{APP}:1.0", f"{new.netloc}/{APP}:1.0")
    new.push(images.build("tampered"), APP, "2.0")
    mapping = add_mapping(platform, "", hostname="docker.acme.com", prefix=APP, target=f"{old.url}/{APP}").mapping

    def report() -> Verification:
        candidates = [Candidate(mapping.pk, f"{new.url}/{APP}")]
        return make_report(start_verification(platform, candidates=candidates, options=Options(blobs="all")).pk)

    first, second = images.build("first"), images.build("second", flavour="oci")
    row = report()
    assert found_in(row) == {
        ("other-digest", "2.0"),
        ("missing-signature", f"{first.digest.replace(':', '-')}.sig"),
        ("missing-referrer", second.digest.replace(":", "-")),
        ("missing-tag", "the-signature"),
    }

    skopeo.run_script(plan_of(row, Tool.SKOPEO))

    row = report()
    assert (found_in(row), row.is_clean, row.compared) == (set(), True, 5)


def test_what_is_gone_from_a_registrys_disk_is_found(
    platform: Actor, settings: Settings, old: Registry, new: Registry, tmp_path: Path
) -> None:
    settings.FACADE_ALLOW_INSECURE_REGISTRIES = settings.FACADE_ALLOW_PRIVATE_REGISTRIES = True
    image = images.build("first")
    for registry in (old, new):
        registry.push(image, APP, "1.0")
    new.blob_path(image.host.layer_digests[0]).unlink()
    mapping = add_mapping(platform, "", hostname="docker.acme.com", prefix="acme", target=f"{old.url}/acme").mapping

    candidates = [Candidate(mapping.pk, f"{new.url}/acme")]
    row = make_report(start_verification(platform, candidates=candidates, options=Options(blobs="all")).pk)

    assert found_in(row) == {("missing-blob", "1.0")}
    assert image.host.layer_digests[0] in row.differences.get().detail
