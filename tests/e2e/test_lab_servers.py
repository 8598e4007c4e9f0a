"""The laboratory's servers: they do what the specifications, and large registries, have them do."""

import json
import socket
import sys
from collections.abc import Iterator

import httpx2
import jwt
import pytest

from tests.e2e.lab import addresses, images, process
from tests.e2e.lab.accounts import ALICE, BOB
from tests.e2e.lab.front import Cdn, Front
from tests.e2e.lab.laboratory import PRIVATE, PUBLIC, TAG, Laboratory
from tests.e2e.lab.meter import Meter
from tests.e2e.lab.origin import Answer, Origin, Request
from tests.e2e.lab.paging import PagingFront

BASIC = {"Authorization": ALICE.basic}


@pytest.fixture
def http() -> Iterator[httpx2.Client]:
    with httpx2.Client(timeout=20, trust_env=False) as client:
        yield client


class TestTokenServer:
    def test_grants_only_what_is_allowed_of_each_scope(self, lab: Laboratory, http: httpx2.Client) -> None:
        scopes = [f"repository:{PUBLIC}:pull,push", f"repository:{PRIVATE}:pull", "registry:catalog:*"]
        answer = http.get(lab.tokens().realm, params={"service": "s", "scope": scopes})
        assert _access(answer) == [{"type": "repository", "name": PUBLIC, "actions": ["pull"]}]

    def test_grants_a_user_what_is_the_users(self, lab: Laboratory, http: httpx2.Client) -> None:
        query = {"service": "s", "scope": f"repository:{PRIVATE}:pull repository:{PUBLIC}:pull,push"}
        granted = http.get(lab.tokens().realm, params=query, headers=BASIC)
        assert _access(granted) == [
            {"type": "repository", "name": PRIVATE, "actions": ["pull"]},
            {"type": "repository", "name": PUBLIC, "actions": ["pull", "push"]},
        ]
        refused = http.get(lab.tokens().realm, params=query, headers={"Authorization": BOB.basic})
        assert [entry["name"] for entry in _access(refused)] == [PUBLIC]

    def test_refuses_wrong_credentials(self, lab: Laboratory, http: httpx2.Client) -> None:
        assert http.get(lab.tokens().realm, headers={"Authorization": "Basic YWxpY2U6bm8="}).status_code == 401
        form = {"grant_type": "password", "service": "s", "username": "alice", "password": "no"}
        assert http.post(lab.tokens().realm, data=form).status_code == 401

    def test_oauth2_password_and_refresh(self, lab: Laboratory, http: httpx2.Client) -> None:
        scope = f"repository:{PRIVATE}:pull"
        common = {"service": "s", "client_id": "test", "scope": scope}
        login = {"grant_type": "password", "username": ALICE.name, "password": ALICE.password, "access_type": "offline"}
        first = http.post(lab.tokens().realm, data=common | login)
        refresh = {"grant_type": "refresh_token", "refresh_token": first.json()["refresh_token"]}
        second = http.post(lab.tokens().realm, data=common | refresh)
        assert _access(first) == _access(second) == [{"type": "repository", "name": PRIVATE, "actions": ["pull"]}]
        assert second.json()["scope"] == scope

    def test_records_each_request(self, lab: Laboratory, http: httpx2.Client) -> None:
        lab.tokens().log.clear()
        http.get(lab.tokens().realm, params={"service": "s", "scope": f"repository:{PUBLIC}:pull"}, headers=BASIC)
        (exchange,) = lab.tokens().log.all()
        assert (exchange.method, exchange.path, exchange.status) == ("GET", "/token", 200)
        assert exchange.query["scope"] == [f"repository:{PUBLIC}:pull"]
        assert exchange.header("authorization") == ALICE.basic


class TestFront:
    def test_blob_is_redirected_to_the_second_origin(self, lab: Laboratory, http: httpx2.Client) -> None:
        backing = lab.backing("none", "redirected")
        digest, content = _layer(lab)
        answer = http.get(f"{backing.url}/v2/{PUBLIC}/blobs/{digest}")
        assert (answer.status_code, answer.content) == (307, b"")
        assert answer.headers["location"].startswith(f"http://{addresses.CDN}:")
        assert http.get(answer.headers["location"]).content == content

    def test_blob_head_is_proxied_by_default(self, lab: Laboratory, http: httpx2.Client) -> None:
        backing = lab.backing("none", "redirected")
        digest, content = _layer(lab)
        answer = http.head(f"{backing.url}/v2/{PUBLIC}/blobs/{digest}")
        assert (answer.status_code, answer.headers["content-length"]) == (200, str(len(content)))

    def test_blob_is_not_redirected_for_a_caller_without_a_token(self, lab: Laboratory, http: httpx2.Client) -> None:
        backing = lab.backing("bearer", "redirected")
        digest = backing.images[PUBLIC].host.layer_digests[0]
        answer = http.get(f"{backing.url}/v2/{PUBLIC}/blobs/{digest}")
        assert answer.status_code == 401
        assert lab.tokens().realm in answer.headers["www-authenticate"]

    def test_variants(self, lab: Laboratory, http: httpx2.Client) -> None:
        registry = lab.backing("none").registry
        digest, content = _layer(lab)
        path = f"/v2/{PUBLIC}/blobs/{digest}"
        with Cdn(registry) as cdn, Front(registry, addresses.SPARE[0], cdn, heads="redirected", relative=True) as front:
            assert http.head(front.url + path).status_code == 307
            location = http.get(front.url + path).headers["location"]
            assert location.startswith("/store/")
            assert http.get(front.url + location, headers=BASIC).content == content
        with Cdn(registry) as cdn, Front(registry, addresses.SPARE[0], cdn, ranges_inline=True) as front:
            part = http.get(front.url + path, headers={"Range": "bytes=1-9"})
            assert (part.status_code, part.content) == (206, content[1:10])
        with Front(registry, addresses.SPARE[0]) as front:
            assert http.get(front.url + path).content == content
            assert [(e.method, e.status, e.body_bytes) for e in front.log.all()] == [("GET", 200, len(content))]

    def test_pushes_pass_through(self, lab: Laboratory, http: httpx2.Client) -> None:
        backing = lab.another_backing("none", "redirected")
        image = images.build("through the front")
        images.push(image, backing.url, "acme/new", TAG)
        manifest = http.get(f"{backing.url}/v2/acme/new/manifests/{TAG}", headers={"Accept": image.index.media_type})
        assert images.digest_of(manifest.content) == image.digest


class TestCdn:
    @pytest.fixture
    def signed_url(self, lab: Laboratory) -> str:
        cdn = lab.backing("none", "redirected").cdn
        assert cdn is not None
        return cdn.signed_url(_layer(lab)[0])

    def test_refuses_authorization(self, http: httpx2.Client, signed_url: str) -> None:
        assert http.get(signed_url, headers={"Authorization": "Bearer x"}).status_code == 400

    def test_refuses_a_changed_url(self, http: httpx2.Client, signed_url: str) -> None:
        for changed in (signed_url[:-1], signed_url.replace("%2B", "+"), signed_url.partition("?")[0]):
            assert http.get(changed).status_code == 403

    def test_honours_ranges(self, lab: Laboratory, http: httpx2.Client, signed_url: str) -> None:
        content = _layer(lab)[1]
        for header, part in (("bytes=10-19", content[10:20]), (f"bytes={len(content) - 5}-", content[-5:])):
            answer = http.get(signed_url, headers={"Range": header})
            assert (answer.status_code, answer.content) == (206, part)
        assert http.get(signed_url, headers={"Range": f"bytes={len(content)}-"}).status_code == 416

    def test_counts_bytes(self, lab: Laboratory, http: httpx2.Client, signed_url: str) -> None:
        log = lab.backing("none", "redirected").cdn_log
        log.clear()
        http.get(signed_url)
        http.get(signed_url, headers={"Range": "bytes=0-9"})
        http.head(signed_url)
        assert log.body_bytes() == len(_layer(lab)[1]) + 10


class TestPagingFront:
    def test_skopeo_reads_every_page_of_tags(self, lab: Laboratory) -> None:
        backing = lab.another_backing("none")
        tags = [f"1.{number}" for number in range(7)]
        backing.push(images.build("many tags"), "acme/tags", *tags)
        for absolute_links in (False, True):
            with PagingFront(backing.registry, addresses.SPARE[0], page=3, absolute_links=absolute_links) as front:
                listed = lab.skopeo().list_tags(f"{front.netloc}/acme/tags").checked()
                assert json.loads(listed.stdout)["Tags"] == tags
                assert len(front.log.matching("GET", "/tags/list")) == 3

    def test_referrers(self, lab: Laboratory, http: httpx2.Client) -> None:
        registry = lab.backing("none").registry
        subject = lab.backing("none").images[PUBLIC].digest
        with PagingFront(registry, addresses.SPARE[0]) as front:
            sbom = front.refer(PUBLIC, subject, "application/sbom", b"{}")
            front.refer(PUBLIC, subject, "application/signature", b"{ }")
            url = f"{front.url}/v2/{PUBLIC}/referrers/{subject}"
            assert len(http.get(url).json()["manifests"]) == 2
            filtered = http.get(url, params={"artifactType": "application/sbom"})
            assert filtered.json()["manifests"] == [sbom]
            assert filtered.headers["oci-filters-applied"] == "artifactType"


class _Echo(Origin):
    def answer(self, request: Request) -> Answer:
        return Answer(200, [], request.body or b"nothing")


class TestMeter:
    def test_counts_and_keeps_what_passes(self, http: httpx2.Client) -> None:
        with _Echo(addresses.SPARE[0]) as echo, Meter(addresses.SPARE[1], (echo.address, echo.port)) as meter:
            body = b"x" * 300_000
            assert http.post(f"{meter.url}/one", content=body).content == body
            assert meter.request_lines() == ["POST /one HTTP/1.1"]
            count = meter.count()
            assert len(body) < count.request < len(body) + 1000
            assert len(body) < count.answer < len(body) + 1000

    def test_an_open_connection_counts_on_after_a_clear(self, http: httpx2.Client) -> None:
        with _Echo(addresses.SPARE[0]) as echo, Meter(addresses.SPARE[1], (echo.address, echo.port)) as meter:
            http.post(f"{meter.url}/one", content=b"first")
            meter.clear()
            assert (meter.count().request, meter.count().answer) == (0, 0)
            http.post(f"{meter.url}/two", content=b"second")
            assert len({exchange.client for exchange in echo.log.all()}) == 1
            assert meter.request_lines() == ["POST /two HTTP/1.1"]
            assert any(b"second" in answer for answer in meter.answers())


class TestOrigin:
    def test_a_tls_hello_is_refused_at_once(self) -> None:
        with _Echo(addresses.SPARE[0]) as echo, socket.create_connection((echo.address, echo.port), 20) as raw:
            raw.sendall(b"\x16\x03\x01\x00\x05hello")
            assert raw.recv(1000).startswith(b"HTTP/1.0 400")

    def test_chunked_both_ways(self, http: httpx2.Client) -> None:
        class Chunked(Origin):
            def answer(self, request: Request) -> Answer:
                return Answer(200, [], iter([request.body[:3], request.body[3:]]))

        with Chunked(addresses.SPARE[0]) as origin:
            answer = http.post(origin.url, content=iter([b"ab", b"cdef"]))
            assert (answer.headers["transfer-encoding"], answer.content) == ("chunked", b"abcdef")
            assert origin.log.body_bytes() == 6


class TestRegistry:
    def test_content_outlives_an_outage(self, lab: Laboratory, http: httpx2.Client) -> None:
        backing = lab.another_backing("none")
        backing.push(images.build("outage"), "acme/app")
        url, port = f"{backing.url}/v2/acme/app/tags/list", backing.registry.port
        backing.registry.kill()
        with pytest.raises(httpx2.ConnectError):
            http.get(url)
        backing.registry.start(port)
        assert http.get(url).json() == {"name": "acme/app", "tags": [TAG]}


class TestProcess:
    def test_a_program_that_fails_to_start_says_why(self) -> None:
        directory = process.short_directory("fails")
        try:
            daemon = process.Daemon([sys.executable, "-c", "raise SystemExit('no such luck')"], directory)
            with pytest.raises(process.LabError, match="no such luck"):
                daemon.wait_ready(lambda: False)
        finally:
            process.remove(directory)

    def test_a_command_over_its_deadline_is_ended(self) -> None:
        program = "import time; print('began', flush=True); time.sleep(300)"
        completed = process.run([sys.executable, "-c", program], env={}, timeout_seconds=2)
        assert not completed.ok
        assert "began" in completed.output
        assert "killed after 2 s" in completed.output


def _access(answer: httpx2.Response) -> list[dict[str, object]]:
    assert answer.status_code == 200, answer.text
    claims = jwt.decode(answer.json()["access_token"], options={"verify_signature": False})
    access: list[dict[str, object]] = claims["access"]
    return access


def _layer(lab: Laboratory) -> tuple[str, bytes]:
    image = lab.backing("none").images[PUBLIC]
    digest = image.host.layer_digests[0]
    return digest, image.blobs[digest]
