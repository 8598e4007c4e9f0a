"""Two real registries, real skopeo: what is missing is found, the plan for skopeo is run, and the report is clean."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pytest_django import Settings

from routing.models import Mapping, Verification
from routing.services.base.actor import Actor
from routing.services.mappings.mappings import add_mapping, repoint
from routing.services.verifications import steps
from routing.services.verifications.candidates import Candidate
from routing.services.verifications.reports import plan_of
from routing.services.verifications.verifications import Options, make_report, start_verification
from routing.verification.copy_plan import Tool
from tests.e2e.lab import images
from tests.e2e.lab.addresses import free_port
from tests.e2e.lab.process import Daemon
from tests.e2e.lab.registry import Registry

pytestmark = [pytest.mark.e2e, pytest.mark.django_db]
APP, TAGS = "acme/app", 20
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


# ---------------------------------------------------------------- each of what can be wrong, one at a time
def as_it_is(new: Registry, image: images.Image) -> None:
    """Nothing is wrong."""


def lose_a_platform(new: Registry, image: images.Image) -> None:
    new.blob_path(image.manifests["arm64"].digest).unlink()


CASES = {
    "identical": (as_it_is, set()),
    "a platform": (lose_a_platform, {("missing-platform", "1.0")}),
}


@pytest.fixture
def lone(platform: Actor, settings: Settings) -> Mapping:
    """A mapping of one repository; where it leads is for the test to say."""
    settings.FACADE_ALLOW_INSECURE_REGISTRIES = settings.FACADE_ALLOW_PRIVATE_REGISTRIES = True
    return add_mapping(platform, "", hostname="docker.acme.com", prefix=APP, target=f"http://127.0.0.1:9/{APP}").mapping


def report_of(actor: Actor, mapping: Mapping, old: Registry, target: str) -> Verification:
    """As `facade verify` makes it: of a mapping that leads to the old registry."""
    repoint(actor, "r", hostname=mapping.hostname.name, prefix=mapping.prefix, target=f"{old.url}/{APP}")
    candidates = [Candidate(mapping.pk, target)]
    return make_report(start_verification(actor, candidates=candidates, options=Options(blobs="all")).pk)


@pytest.mark.parametrize("case", CASES)
def test_what_is_missing_is_found(platform: Actor, lone: Mapping, old: Registry, new: Registry, case: str) -> None:
    spoil, wanted = CASES[case]
    image = images.build("first")
    for registry in (old, new):
        registry.push(image, APP, "1.0")
    spoil(new, image)

    row = report_of(platform, lone, old, f"{new.url}/{APP}")

    assert (found_in(row), row.is_clean) == (wanted, not wanted)


def test_a_registry_that_asks_for_a_password_is_not_public(platform: Actor, lone: Mapping, old: Registry) -> None:
    image = images.build("first")
    old.push(image, APP, "1.0")
    with Registry("127.0.0.1", "basic") as private:
        private.push(image, APP, "1.0")

        row = report_of(platform, lone, old, f"{private.url}/{APP}")

    assert ("not-public", "1.0") in found_in(row)


def test_a_path_that_is_another_is_followed(platform: Actor, lone: Mapping, old: Registry, new: Registry) -> None:
    image = images.build("first")
    old.push(image, APP, "1.0")
    new.push(image, "elsewhere/our-app", "1.0")

    assert report_of(platform, lone, old, f"{new.url}/elsewhere/our-app").is_clean
    assert found_in(report_of(platform, lone, old, f"{new.url}/elsewhere/app")) == {("missing-tag", "1.0")}


def test_what_a_target_that_goes_down_half_way_was_not_asked_for_is_told_and_compared_once_it_is_back(
    platform: Actor, lone: Mapping, old: Registry, new: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "_TROUBLE_PAUSE_SECONDS", 0)
    monkeypatch.setattr(steps, "CONCURRENCY", 1)
    monkeypatch.setattr(steps, "_ERRANDS", 5)
    many(old, new)
    repoint(platform, "r", hostname="docker.acme.com", prefix=APP, target=f"{old.url}/{APP}")
    started = start_verification(platform, candidates=[Candidate(lone.pk, f"{new.url}/{APP}")])
    for _ in range(2):
        one_step(started)
    new.kill()

    row = make_report(started.pk)
    new.start(new.port)

    assert (row.state, row.compared) == ("failed", 5)
    assert [each.kind for each in row.differences.all()] == ["could-not-ask"]
    assert f"{TAGS - 5} of its references were not compared" in row.differences.get().detail
    assert report_of(platform, lone, old, f"{new.url}/{APP}").is_clean


def test_a_target_that_lets_few_requests_through_is_waited_for(
    platform: Actor, lone: Mapping, old: Registry, new: Registry, tmp_path: Path
) -> None:
    many(old, new)
    with limited(new, tmp_path) as (url, refused):
        row = report_of(platform, lone, old, f"{url}/{APP}")

        assert refused()
    assert (found_in(row), row.is_clean, row.compared) == (set(), True, TAGS)


def many(*registries: Registry) -> None:
    for number in range(TAGS):
        image = images.build(f"number {number}", layers=1, layer_kib=1)
        for registry in registries:
            registry.push(image, APP, f"v{number}")


def one_step(row: Verification) -> None:
    ask = steps.begin_step(row.pk)
    assert ask is not None
    steps.settle_step(row.pk, ask())


@contextmanager
def limited(registry: Registry, folder: Path) -> Iterator[tuple[str, Callable[[], bool]]]:
    """The registry behind nginx, which answers 429 to whoever asks too fast; and whether it has."""
    port, log = free_port("127.0.0.1"), folder / "access.log"
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    folders = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    config = folder / "nginx.conf"
    config.write_text(
        f"daemon off; master_process off; pid {folder}/pid; error_log stderr;\nevents {{}}\nhttp {{\n"
        f"{folders}\nlog_format status '$status'; access_log {log} status;\n"
        "limit_req_zone $binary_remote_addr zone=all:1m rate=40r/s;\n"
        f"server {{ listen 127.0.0.1:{port}; limit_req zone=all burst=20 nodelay; limit_req_status 429;\n"
        "error_page 429 @busy; location @busy { add_header Retry-After 1 always; return 429; }\n"
        f"location / {{ proxy_pass {registry.url}; proxy_set_header Host $http_host; }}\n}}\n}}\n"
    )
    daemon = Daemon(["nginx", "-p", str(folder), "-c", str(config)], folder)
    try:
        daemon.wait_ready(lambda: _listens(port))
        yield f"http://127.0.0.1:{port}", lambda: "429" in log.read_text()
    finally:
        daemon.stop()


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 30).close()
    except OSError:
        return False
    return True
