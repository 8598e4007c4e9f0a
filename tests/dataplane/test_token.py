"""`/token`: whom it asks, what it hands on, and the tokens that it makes itself (request-handling.md, R13)."""

from __future__ import annotations

import base64
import gzip
import json
import random
from urllib.parse import urlencode

import pytest
from cryptography.fernet import Fernet
from pytest_django import Settings

from routing.core.table.mapping_entry import Flag, MappingEntry
from routing.core.table.routing_table import Auth, Change, RegistryEntry
from routing.dataplane.live.live_table import live_table
from routing.dataplane.upstream import client_pool, credentials
from tests.cpu_time import at_most
from tests.dataplane.facade_client import BASIC, DOCKER, HOST, MANIFEST, PODMAN, UPSTREAM, FacadeClient
from tests.registries.behaviours import redirects
from tests.registries.faulty_server import Exchange, FaultyServer

GIVEN = {"token": "upstream.token", "access_token": "upstream.token", "expires_in": 60}


def handed_out(server: FaultyServer, given: dict[str, object] = GIVEN) -> dict[str, object]:
    """What the caller gets of what the realm of the registry at this server gave."""
    registry = RegistryEntry(server.url, "the registry")
    bound = credentials.bind(str(given.get("token") or given["access_token"]), registry)
    return {name: bound if name in ("token", "access_token") else value for name, value in given.items()}


CREDENTIALS = ("authorization", f"Basic {BASIC}")
PULL = "repository:team/app:pull"
# Names that lead to no repository, and what is said of each.
NOWHERE = [
    ("nowhere/a", (404, "NAME_UNKNOWN", "docker.acme.com/nowhere/a is not mapped to any registry; ask the owner")),
    ("off/a", (403, "DENIED", "the mapping of docker.acme.com/off is switched off; ask the owner")),
    ("root", (404, "NAME_UNKNOWN", "docker.acme.com/root is a namespace")),
    ("long/abcdef", (400, "NAME_INVALID", "longer than 255")),
]


@pytest.fixture(autouse=True)
def realm(server: FaultyServer) -> None:
    server.answers_json("/realm", GIVEN)


async def test_r13_1_get_is_answered_by_the_registrys_realm(facade_client: FacadeClient) -> None:
    answer = await facade_client.request(
        f"/token?service={HOST}&scope={PULL}&account=alice&client_id=docker", headers=[CREDENTIALS]
    )
    assert (answer.status, answer.json()) == (200, handed_out(facade_client.server))
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert facade_client.upstream_request.path.startswith("/realm?")
    assert facade_client.upstream_parameters == {
        "service": ["s"],
        "scope": ["repository:acme/app:pull"],
        "account": ["alice"],
        "client_id": ["docker"],
    }
    assert facade_client.upstream_request.headers["Authorization"] == CREDENTIALS[1]
    assert facade_client.upstream_request.headers["User-Agent"] == PODMAN


async def test_r13_1_post_is_answered_by_the_registrys_realm(facade_client: FacadeClient) -> None:
    form = {
        "grant_type": "password",
        "service": HOST,
        "scope": f"{PULL} registry:catalog:*",
        "client_id": "containerd",
        "username": "alice",
        "password": "s3cret&=%",
        "access_type": "offline",
    }
    answer = await facade_client.request("/token", method="POST", headers=[], body=urlencode(form).encode())
    assert (answer.status, answer.json()) == (200, handed_out(facade_client.server))
    assert facade_client.upstream_request.method == "POST"
    expected = form | {"service": "s", "scope": "repository:acme/app:pull registry:catalog:*"}
    assert facade_client.upstream_parameters == {name: [value] for name, value in expected.items()}
    assert "Authorization" not in facade_client.upstream_request.headers


async def test_r13_1_a_realm_with_parameters_of_its_own_keeps_them(
    facade_client: FacadeClient, server: FaultyServer
) -> None:
    facade_client.map_to(facade_client.registry._replace(realm=f"{server.url}/realm?zone=a%2Fb"))
    assert (await facade_client.request(f"/token?scope={PULL}", headers=[])).status == 200
    assert facade_client.upstream_parameters["zone"] == ["a/b"]


@pytest.mark.parametrize(
    ("query", "scopes"),
    [
        ("scope=repository:team/a:pull&scope=repository:team/b:pull,push", ["team/a:pull", "team/b:pull,push"]),
        ("scope=repository:team/a:pull%20repository:team/b:pull", ["team/a:pull", "team/b:pull"]),
        ("scope=repository:team/a:pull+repository:team/a:pull", ["team/a:pull"]),
        ("scope=repository(plugin):team/a:pull", ["(plugin):team/a:pull"]),
    ],
)
async def test_r13_2_every_scope_is_rewritten(facade_client: FacadeClient, query: str, scopes: list[str]) -> None:
    assert (await facade_client.request(f"/token?{query}&service=x", headers=[])).status == 200
    wanted = [f"repository{'' if one[0] == '(' else ':'}{one.replace('team/', 'acme/')}" for one in scopes]
    assert facade_client.upstream_parameters["scope"] == wanted
    assert facade_client.upstream_parameters["service"] == ["s"]


async def test_r13_2_one_component_names_have_their_place(facade_client: FacadeClient, server: FaultyServer) -> None:
    facade_client.map_to(facade_client.registry._replace(implicit_namespace="library"), prefix="", upstream="")
    await facade_client.request("/token?scope=repository:alpine:pull&scope=repository:acme/app:pull", headers=[])
    assert facade_client.upstream_parameters["scope"] == ["repository:library/alpine:pull", "repository:acme/app:pull"]


async def test_r13_3_scopes_at_other_registries_are_left_out(facade_client: FacadeClient, server: FaultyServer) -> None:
    other = RegistryEntry("https://other.example", "other", auth=Auth.BEARER, realm="https://other.example/realm")
    facade_client.map({"team": (facade_client.registry, "acme", 0), "other": (other, "other", 0)})
    scopes = ["repository:nowhere/a:pull", PULL, "repository:other/a:pull", "repository:team/b:pull"]
    assert (
        await facade_client.request("/token?" + urlencode([("scope", one) for one in scopes]), headers=[CREDENTIALS])
    ).status == 200
    assert facade_client.upstream_parameters["scope"] == ["repository:acme/app:pull", "repository:acme/b:pull"]


@pytest.mark.parametrize("auth", list(Auth))
@pytest.mark.parametrize(("name", "says"), NOWHERE)
async def test_r13_3_of_a_name_that_leads_nowhere_the_manifest_tells(
    facade_client: FacadeClient, server: FaultyServer, name: str, says: tuple[int, str, str], auth: Auth
) -> None:
    registry = facade_client.registry._replace(auth=auth)
    facade_client.map(
        {
            "team": (registry, "acme", 0),
            "off": (registry, "off", 0),
            "root": (registry, "", 0),
            "long": (registry, "a" * 250, 0),
        }
    )
    assert live_table.table is not None
    found = live_table.table.match_repository(HOST, "off/a")
    assert found is not None
    off = MappingEntry(found.registry_key, "off", 0)._asdict()
    live_table.table = live_table.table.apply([Change(2, "mapping", f"{HOST}/off", off)])
    for headers in ([CREDENTIALS], []):
        answer = await facade_client.request(
            f"/token?service={HOST}&scope=repository:{name}:pull,push", headers=headers
        )
        form = urlencode({"grant_type": "password", "scope": f"repository:{name}:pull", "password": "s3cret"}).encode()
        posted = await facade_client.request("/token", method="POST", headers=[], body=form)
        assert [one.json()["token"] for one in (answer, posted)] == [credentials.OPEN_TOKEN] * 2

    told = await facade_client.request(
        f"/v2/{name}/manifests/1.0", headers=[("authorization", f"Bearer {credentials.OPEN_TOKEN}")]
    )

    status, code, words = says
    assert told.error[:2] == (status, code)
    assert words in told.error[2]
    assert server.requests == []


async def test_r13_3_that_token_is_good_for_nothing_once_the_name_leads_somewhere(facade_client: FacadeClient) -> None:
    answer = await facade_client.request(MANIFEST, headers=[("authorization", f"Bearer {credentials.OPEN_TOKEN}")])
    assert answer.status == 401


async def test_r13_4_a_bare_login_goes_to_the_only_registry(facade_client: FacadeClient) -> None:
    answer = await facade_client.request(
        f"/token?account=alice&service={HOST}&offline_token=true", headers=[CREDENTIALS]
    )
    assert (answer.status, answer.json()) == (200, handed_out(facade_client.server))
    assert facade_client.upstream_parameters == {"account": ["alice"], "service": ["s"], "offline_token": ["true"]}
    assert facade_client.upstream_request.headers["Authorization"] == CREDENTIALS[1]


async def test_r13_4_a_bare_login_goes_to_the_login_registry(facade_client: FacadeClient, server: FaultyServer) -> None:
    second = facade_client.registry._replace(origin=f"http://localhost:{server.port}", service="second")
    ways = {"team": (facade_client.registry, "acme", 0), "other": (second, "other", 0)}
    facade_client.map(ways, login="1")
    await facade_client.request("/token?account=alice", headers=[CREDENTIALS])
    assert facade_client.upstream_parameters["service"] == ["second"]
    server.requests.clear()
    facade_client.map(ways)
    answer = await facade_client.request("/token?account=alice", headers=[CREDENTIALS])
    assert (answer.status, answer.json()["token"]) == (200, credentials.OPEN_TOKEN)
    assert server.requests == []


async def test_r13_5_credentials_go_to_that_realm_alone_and_not_into_the_log(
    facade_client: FacadeClient, server: FaultyServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    await facade_client.request(f"/token?scope={PULL}", headers=[CREDENTIALS])
    await facade_client.request(
        "/token", method="POST", headers=[], body=b"grant_type=password&username=alice&password=s3cret"
    )
    answer = await facade_client.request("/token?scope=no-scope-at-all", headers=[CREDENTIALS])
    assert {request.path.partition("?")[0] for request in server.requests} == {"/realm"}
    assert answer.status == 400
    for secret in ("s3cret", BASIC, "upstream.token"):
        assert secret not in caplog.text
        assert secret not in answer.body.decode()


async def test_r13_6_an_open_registry_has_a_token_that_means_nothing(
    facade_client: FacadeClient, server: FaultyServer
) -> None:
    facade_client.map_to(RegistryEntry(server.url, "open", auth=Auth.NONE))
    server.answers_json(UPSTREAM["/v2/team/app/tags/list"], {"name": "acme/app", "tags": []})
    answer = await facade_client.request(f"/token?scope={PULL}", headers=[CREDENTIALS])
    assert answer.status == 200
    assert answer.json()["token"] == answer.json()["access_token"]
    assert answer.json()["expires_in"] >= 60
    assert server.requests == []
    bearer = ("authorization", f"Bearer {answer.json()['token']}")
    assert (await facade_client.request("/v2/team/app/tags/list", headers=[bearer])).status == 200
    assert "Authorization" not in facade_client.upstream_request.headers


@pytest.mark.parametrize("path", [MANIFEST, "/v2/"])
async def test_r13_14_a_token_is_for_the_registry_that_gave_it(
    facade_client: FacadeClient, server: FaultyServer, path: str
) -> None:
    server.answers_json(UPSTREAM.get(path, path), {"manifests": []})
    answer = await facade_client.request(f"/token?scope={PULL}", headers=[CREDENTIALS])
    bearer = ("authorization", f"Bearer {answer.json()['token']}")
    assert (await facade_client.request(path, headers=[bearer])).status == 200
    assert facade_client.upstream_request.headers["Authorization"] == "Bearer upstream.token"

    elsewhere = RegistryEntry(server.url.replace("127.0.0.1", "localhost"), "new", auth=Auth.BEARER, realm="x")
    facade_client.map_to(elsewhere)
    count = len(server.requests)
    assert (await facade_client.request(path, headers=[bearer])).status == 401
    assert len(server.requests) == count


async def test_r13_14_what_else_a_realm_says_is_handed_on(facade_client: FacadeClient, server: FaultyServer) -> None:
    given = {"access_token": "only.this", "refresh_token": "refresh", "expires_in": 9, "scope": "x", "more": [1]}
    server.answers_json("/realm", given)
    answer = await facade_client.request(f"/token?scope={PULL}", headers=[])
    assert answer.json() == handed_out(facade_client.server, given)


class TestBasicRegistries:
    """R13.7: sealed tokens."""

    @pytest.fixture(autouse=True)
    def basic(self, facade_client: FacadeClient, server: FaultyServer) -> None:
        facade_client.map_to(RegistryEntry(server.url, "the registry", auth=Auth.BASIC))
        for path, body in (("/v2/", b"{}"), (UPSTREAM[MANIFEST], b'{"manifests":[]}')):
            server.on(path, lambda exchange, body=body: self._guarded(exchange, body))  # type: ignore[misc]

    @staticmethod
    def _guarded(exchange: Exchange, body: bytes) -> None:
        if exchange.request.headers.get("Authorization") == f"Basic {BASIC}":
            exchange.answer(200, {"Content-Type": "application/json"}, body)
        else:
            exchange.answer(401, {"WWW-Authenticate": 'Basic realm="r"'}, b"{}")

    @staticmethod
    async def _sealed(facade_client: FacadeClient, host: str = HOST) -> str:
        answer = await facade_client.request(f"/token?scope={PULL}", headers=[CREDENTIALS], host=host)
        assert answer.status == 200, answer.body
        return str(answer.json()["token"])

    async def test_the_callers_credentials_are_tried_and_sealed(self, facade_client: FacadeClient) -> None:
        token = await self._sealed(facade_client)
        assert facade_client.upstream_request.path == "/v2/"
        assert "s3cret" not in token
        assert BASIC not in token
        assert b"s3cret" not in base64.urlsafe_b64decode(token.partition(".")[2])
        answer = await facade_client.request(MANIFEST, headers=[("authorization", f"Bearer {token}")])
        assert (answer.status, answer.body) == (200, b'{"manifests":[]}')
        assert facade_client.upstream_request.headers["Authorization"] == f"Basic {BASIC}"

    @pytest.mark.parametrize("length", [4_100, 5_600])
    async def test_the_token_of_a_long_password_fits_a_header_line(
        self, facade_client: FacadeClient, server: FaultyServer, length: int
    ) -> None:
        """Amazon ECR's are base64 of more than 3 KB by now (Lotto24/aws-ecr-http-proxy#31)."""
        password = base64.b64encode(random.Random(length).randbytes(length * 3 // 4)).decode()
        basic = base64.b64encode(f"AWS:{password}".encode()).decode()
        for path in ("/v2/", UPSTREAM[MANIFEST]):
            server.answers(path, 200, {"Content-Type": "application/json"}, b"{}")
        answer = await facade_client.request(f"/token?scope={PULL}", headers=[("authorization", f"Basic {basic}")])
        line = f"Authorization: Bearer {answer.json()['token']}\r\n"
        assert len(line) <= 8_000
        assert (await facade_client.request(MANIFEST, headers=[("authorization", line[15:-2])])).status == 200
        assert facade_client.upstream_request.headers["Authorization"] == f"Basic {basic}"

    async def test_a_registry_at_its_limit_does_not_find_them_wrong(
        self, facade_client: FacadeClient, server: FaultyServer
    ) -> None:
        server.answers("/v2/", 429, {"Retry-After": "9"}, b"")
        answer = await facade_client.request(f"/token?scope={PULL}", headers=[CREDENTIALS])
        assert answer.error[:2] == (429, "TOOMANYREQUESTS")
        assert answer.headers["retry-after"] == "9"

    async def test_a_registry_that_redirects_its_ping(self, facade_client: FacadeClient, server: FaultyServer) -> None:
        server.on("/v2/", redirects("/base/v2/", 302))
        server.on("/base/v2/", lambda exchange: self._guarded(exchange, b"{}"))
        assert await self._sealed(facade_client)

    async def test_a_password_in_a_form_does_as_well(self, facade_client: FacadeClient) -> None:
        form = urlencode({"grant_type": "password", "username": "alice", "password": "s3cret", "scope": PULL})
        answer = await facade_client.request("/token", method="POST", headers=[], body=form.encode())
        token = answer.json()["access_token"]
        assert (await facade_client.request(MANIFEST, headers=[("authorization", f"Bearer {token}")])).status == 200

    async def test_wrong_and_missing_credentials_are_refused(
        self, facade_client: FacadeClient, server: FaultyServer
    ) -> None:
        wrong = await facade_client.request(f"/token?scope={PULL}", headers=[("authorization", "Basic YWxpY2U6bm8=")])
        assert wrong.error[:2] == (401, "UNAUTHORIZED")
        server.requests.clear()
        for given in ([], [("authorization", "Basic !!")], [("authorization", "Bearer x")]):
            missing = await facade_client.request(f"/token?scope={PULL}", headers=given, host=f"{HOST}:5000")
            assert missing.error[:2] == (401, "UNAUTHORIZED")
            assert f"docker login {HOST}:5000" in missing.error[2]
        assert server.requests == []

    async def test_a_sealed_token_is_for_one_hostname(self, facade_client: FacadeClient, server: FaultyServer) -> None:
        token = await self._sealed(facade_client)
        server.requests.clear()
        answer = await facade_client.request(
            MANIFEST, host="docker.globex.com", headers=[("authorization", f"Bearer {token}")]
        )
        assert answer.status == 401
        assert server.requests == []

    async def test_a_sealed_token_is_for_one_registry(self, facade_client: FacadeClient, server: FaultyServer) -> None:
        token = await self._sealed(facade_client)
        server.requests.clear()
        for auth in (Auth.BASIC, Auth.BEARER, Auth.UNKNOWN):
            facade_client.map_to(RegistryEntry(f"http://localhost:{server.port}", "another", auth=auth))
            answer = await facade_client.request(MANIFEST, headers=[("authorization", f"Bearer {token}")])
            assert answer.status == 401
            assert answer.headers["www-authenticate"].startswith("Bearer ")
        assert server.requests == []

    async def test_a_sealed_token_ends_after_minutes(
        self, facade_client: FacadeClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        token = await self._sealed(facade_client)
        monkeypatch.setattr(credentials, "SEALED_SECONDS", -1)
        assert (await facade_client.request(MANIFEST, headers=[("authorization", f"Bearer {token}")])).status == 401

    async def test_a_forged_token_is_refused(self, facade_client: FacadeClient, server: FaultyServer) -> None:
        token = await self._sealed(facade_client)
        server.requests.clear()
        payload = json.dumps({"host": HOST, "origin": server.url, "basic": BASIC}).encode()
        forged = "rfs1." + Fernet(Fernet.generate_key()).encrypt(payload).decode()
        changed = token[:-4] + ("AAAA" if token[-4:] != "AAAA" else "BBBB")
        for bad in (forged, changed, "rfs1.", "rfs1.é", "x", BASIC, credentials.OPEN_TOKEN):
            sent = [("authorization", f"Bearer {bad}")]
            assert (await facade_client.request(MANIFEST, headers=sent)).status == 401, bad
        assert server.requests == []

    async def test_a_change_of_the_servers_key_keeps_tokens_alive(
        self, facade_client: FacadeClient, settings: Settings
    ) -> None:
        token = await self._sealed(facade_client)
        settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
        settings.SECRET_KEY = "another"
        assert (await facade_client.request(MANIFEST, headers=[("authorization", f"Bearer {token}")])).status == 200
        settings.SECRET_KEY_FALLBACKS = []
        assert (await facade_client.request(MANIFEST, headers=[("authorization", f"Bearer {token}")])).status == 401

    async def test_a_password_that_was_changed_since_asks_for_a_new_token(
        self, facade_client: FacadeClient, server: FaultyServer
    ) -> None:
        token = await self._sealed(facade_client)
        server.answers(UPSTREAM[MANIFEST], 401, {"WWW-Authenticate": 'Basic realm="r"'})
        answer = await facade_client.request(MANIFEST, headers=[("authorization", f"Bearer {token}")])
        assert answer.headers["www-authenticate"].startswith(f'Bearer realm="http://{HOST}/token"')


class TestUnprobedRegistries:
    """What a registry asks for is found out at the first /token, and the token tells it to every worker (R14.2)."""

    async def test_bearer(self, facade_client: FacadeClient, server: FaultyServer) -> None:
        facade_client.map_to(RegistryEntry(server.url, "new"))
        asks = f'Bearer realm="{server.url}/realm",service="found"'
        server.answers("/v2/", 401, {"WWW-Authenticate": asks})
        for _ in range(2):
            answer = await facade_client.request(f"/token?scope={PULL}", headers=[CREDENTIALS])
            assert answer.json() == handed_out(facade_client.server)
            assert facade_client.upstream_parameters["service"] == ["found"]
        assert server.paths().count("/v2/") == 1

    async def test_basic(self, facade_client: FacadeClient, server: FaultyServer) -> None:
        facade_client.map_to(RegistryEntry(server.url, "new"))
        server.on("/v2/", lambda exchange: TestBasicRegistries._guarded(exchange, b"{}"))
        server.on(UPSTREAM[MANIFEST], lambda exchange: TestBasicRegistries._guarded(exchange, b"{}"))
        token = (await facade_client.request(f"/token?scope={PULL}", headers=[CREDENTIALS])).json()["token"]
        await client_pool.close()  # As in another worker, which has not asked yet.
        assert (await facade_client.request(MANIFEST, headers=[("authorization", f"Bearer {token}")])).status == 200
        assert facade_client.upstream_request.headers["Authorization"] == f"Basic {BASIC}"

    async def test_nothing(self, facade_client: FacadeClient, server: FaultyServer) -> None:
        facade_client.map_to(RegistryEntry(server.url, "new"))
        server.answers("/v2/", 200, {}, b"{}")
        server.answers(UPSTREAM[MANIFEST], 200, {"Content-Type": "application/json"}, b"{}")
        token = (await facade_client.request(f"/token?scope={PULL}", headers=[CREDENTIALS])).json()["token"]
        await client_pool.close()
        assert (await facade_client.request(MANIFEST, headers=[("authorization", f"Bearer {token}")])).status == 200
        assert "Authorization" not in facade_client.upstream_request.headers

    async def test_silence(self, facade_client: FacadeClient, server: FaultyServer) -> None:
        facade_client.map_to(RegistryEntry(server.url, "new"))
        server.stop()
        answer = await facade_client.request(f"/token?scope={PULL}", headers=[CREDENTIALS])
        assert answer.error[:2] == (502, "UNAVAILABLE")
        assert "new could not be asked where its tokens come from" in answer.error[2]


async def test_r13_8_refused_credentials(facade_client: FacadeClient, server: FaultyServer) -> None:
    server.answers("/realm", 401, {"WWW-Authenticate": 'Basic realm="x"', "Content-Type": "text/plain"}, b"no")
    answer = await facade_client.request(f"/token?scope={PULL}", headers=[CREDENTIALS])
    assert answer.error == (401, "UNAUTHORIZED", "the registry does not accept these credentials")
    theirs = {"errors": [{"code": "DENIED", "message": "your account is locked", "detail": None}]}
    server.answers("/realm", 403, {"Content-Type": "application/json"}, json.dumps(theirs).encode())
    assert (await facade_client.request(f"/token?scope={PULL}", headers=[CREDENTIALS])).json() == theirs


@pytest.mark.parametrize(
    ("behaviour", "status", "words"),
    [
        (Exchange.hang, 504, "did not answer within 1 s"),
        (Exchange.reset, 502, "broke the connection off"),
        (lambda exchange: exchange.answer(500, {}, b"oops"), 502, "the token realm of the registry answered with"),
        (lambda exchange: exchange.answer(204, {}), 502, "the token realm of the registry answered with"),
        (
            lambda exchange: exchange.answer(302, {"Location": "https://else.example/x"}),
            502,
            "the token realm of the registry redirects to another host",
        ),
        (lambda exchange: exchange.answer(302, {"Location": "/realm"}), 502, "redirects round and round"),
        (lambda exchange: exchange.answer(302, {}), 502, "redirects without saying where to"),
        (lambda exchange: exchange.answer(200, {}, b"<html>"), 502, "did not answer in JSON"),
        (lambda exchange: exchange.answer(200, {}, b'{"token": 1}'), 502, "answered without a token"),
        (lambda exchange: exchange.answer(200, {}, b'{"token": "a b"}'), 502, "answered without a token"),
        (lambda exchange: exchange.answer(200, {}, b"x" * 300_000), 502, "more than 262144 bytes"),
    ],
)
async def test_r13_8_a_realm_that_is_of_no_use(
    facade_client: FacadeClient, server: FaultyServer, settings: Settings, behaviour: object, status: int, words: str
) -> None:
    if status == 504:
        settings.FACADE_RELAY_SECONDS = 1.0
    server.on("/realm", behaviour)  # type: ignore[arg-type]
    answer = await facade_client.request(f"/token?scope={PULL}", headers=[CREDENTIALS])
    assert answer.error[:2] == (status, "UNAVAILABLE")
    assert words in answer.error[2]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("location", ["/auth/token", "{port}/auth/token", "{other}/auth/token"])
async def test_r13_11_a_realm_that_has_moved_on_its_own_host(
    facade_client: FacadeClient, server: FaultyServer, method: str, location: str
) -> None:
    """To a new path, or from http to https, which is another port: clients follow there with their credentials."""
    moved = FaultyServer()
    moved.answers_json("/auth/token", GIVEN)
    server.answers_json("/auth/token", GIVEN)
    where = location.format(port=server.url, other=moved.url)
    server.on("/realm", redirects(where, 301))
    form = urlencode({"grant_type": "password", "username": "alice", "password": "s3cret", "scope": PULL}).encode()
    query = f"?scope={PULL}&account=alice" if method == "GET" else ""
    answer = await facade_client.request(
        f"/token{query}", method=method, headers=[CREDENTIALS], body=form if method == "POST" else b""
    )
    moved.stop()
    assert answer.json() == handed_out(facade_client.server)
    asked = moved.requests[-1] if "{other}" in location else server.requests[-1]
    assert (asked.method, asked.headers["Authorization"]) == (method, CREDENTIALS[1])
    assert b"password=s3cret" in asked.body or "scope=repository:acme/app:pull" in asked.path


@pytest.mark.parametrize(
    "location", ["http://localhost:{port}/auth/token", "http://127.0.0.2/x", "https://127.0.0.1.example/x"]
)
async def test_r13_11_credentials_go_to_no_other_host(
    facade_client: FacadeClient, server: FaultyServer, location: str
) -> None:
    server.answers("/realm", 307, {"Location": location.format(port=server.port)})
    server.answers_json("/auth/token", GIVEN)
    answer = await facade_client.request(f"/token?scope={PULL}", headers=[CREDENTIALS])
    assert answer.error[:2] == (502, "UNAVAILABLE")
    assert server.paths() == ["/realm?service=s&scope=repository:acme/app:pull"]


@pytest.mark.parametrize("status", [400, 404, 405, 410, 415])
@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_r13_12_a_realm_that_knows_no_such_request(
    facade_client: FacadeClient, server: FaultyServer, status: int, method: str
) -> None:
    """containerd then asks with GET; of the credentials, nothing was said."""
    server.answers("/realm", status, {"Content-Type": "text/html"}, b"<html>")
    form = urlencode({"grant_type": "password", "username": "alice", "password": "s3cret", "scope": PULL}).encode()
    query = f"?scope={PULL}" if method == "GET" else ""
    answer = await facade_client.request(
        f"/token{query}", method=method, headers=[CREDENTIALS], body=form if method == "POST" else b""
    )
    assert answer.status == status
    assert answer.error[1] in ("UNSUPPORTED", "UNKNOWN")
    assert "credentials" not in answer.error[2]
    assert answer.headers.get("allow") == ({"POST": "GET", "GET": "POST"}[method] if status == 405 else None)


async def test_r13_8_without_credentials_none_are_said_to_be_wrong(
    facade_client: FacadeClient, server: FaultyServer
) -> None:
    server.answers("/realm", 401, {"WWW-Authenticate": 'Basic realm="x"'}, b"no")
    answer = await facade_client.request(f"/token?scope={PULL}", headers=[])
    assert answer.error[:2] == (401, "UNAUTHORIZED")
    assert f"docker login {HOST}" in answer.error[2]


async def test_r14_13_a_realms_answer_that_was_compressed(facade_client: FacadeClient, server: FaultyServer) -> None:
    server.answers("/realm", 200, {"Content-Encoding": "gzip"}, gzip.compress(json.dumps(GIVEN).encode()))
    answer = await facade_client.request(f"/token?scope={PULL}", headers=[])
    assert answer.json() == handed_out(facade_client.server)
    assert int(answer.headers["content-length"]) == len(answer.body)


async def test_r13_8_a_realm_at_its_limit(facade_client: FacadeClient, server: FaultyServer) -> None:
    server.answers("/realm", 429, {"Retry-After": "9"}, b"")
    answer = await facade_client.request(f"/token?scope={PULL}", headers=[])
    assert answer.error[:2] == (429, "TOOMANYREQUESTS")
    assert answer.headers["retry-after"] == "9"


@pytest.mark.parametrize(
    "realm", ["http://127.0.0.1:{port}/realm", "http://169.254.169.254/realm", "http://[::1]/realm"]
)
async def test_r13_8_a_realm_at_an_address_that_is_not_allowed(
    facade_client: FacadeClient, server: FaultyServer, settings: Settings, realm: str
) -> None:
    settings.FACADE_ALLOW_PRIVATE_REGISTRIES = False
    facade_client.map_to(
        facade_client.registry._replace(origin="https://registry.example", realm=realm.format(port=server.port))
    )
    answer = await facade_client.request(f"/token?scope={PULL}", headers=[CREDENTIALS])
    assert answer.error[:2] == (502, "UNAVAILABLE")
    assert "allow" in answer.error[2]
    assert server.requests == []


@pytest.mark.parametrize("scope", ["x", "repository:team/app", "repository::pull", "repository:team/app:", "%00"])
async def test_r13_9_a_scope_that_breaks_the_grammar(
    facade_client: FacadeClient, server: FaultyServer, scope: str
) -> None:
    answer = await facade_client.request(f"/token?scope={scope}", headers=[CREDENTIALS])
    assert answer.error[:2] == (400, "UNSUPPORTED")
    assert server.requests == []


async def test_r13_9_a_few_hundred_scopes_are_brokered(facade_client: FacadeClient) -> None:
    """Builders ask for all images of a build at once."""
    names = [f"a-team-with-a-long-name/image-{number:03}" for number in range(400)]
    scopes = [("scope", f"repository:team/{name}:pull") for name in names]
    wanted = [f"repository:acme/{name}:pull" for name in names]
    assert (await facade_client.request("/token?" + urlencode(scopes), headers=[])).json() == handed_out(
        facade_client.server
    )
    assert facade_client.upstream_parameters["scope"] == wanted
    form = urlencode([("grant_type", "refresh_token"), ("refresh_token", "x"), *scopes]).encode()
    assert (await facade_client.request("/token", method="POST", headers=[], body=form)).json() == handed_out(
        facade_client.server
    )
    assert facade_client.upstream_parameters["scope"] == [" ".join(wanted)]


async def test_a_scope_with_more_components_than_a_name_has_is_looked_up_nowhere(
    facade_client: FacadeClient, server: FaultyServer
) -> None:
    form = urlencode({"grant_type": "password", "scope": f"repository:{'a/' * 30_000}a:pull"}, safe="/:").encode()
    with at_most(0.2):
        answer = await facade_client.request("/token", method="POST", headers=[], body=form)
    assert answer.json()["token"] == credentials.OPEN_TOKEN
    assert server.requests == []


async def test_r13_9_too_long_a_query_and_too_long_a_form(facade_client: FacadeClient, server: FaultyServer) -> None:
    answer = await facade_client.request("/token?" + "a=b&" * 17_000, headers=[])
    # A worker refuses a head of that length before anybody reads it.
    assert answer.status == 431 or answer.error[:2] == (414, "SIZE_INVALID")
    assert (await facade_client.request("/token", method="POST", headers=[], body=b"a=" + b"x" * 70_000)).status == 413
    assert server.requests == []


@pytest.mark.parametrize("mirror", ["zmirror", "a/mirror"])
@pytest.mark.parametrize("first", [True, False])
async def test_r13_10_containerds_second_scope_at_a_mirror(
    facade_client: FacadeClient, mirror: str, first: bool
) -> None:
    """It asks for an image by its own name, too, which may lead to somewhere else (containerd/containerd#9648)."""
    other = RegistryEntry("https://other.example", "other", auth=Auth.BEARER, realm="https://other.example/realm")
    facade_client.map({"library": (other, "library", 0), mirror: (facade_client.registry, "cache", 0)})
    scopes = ["repository:library/alpine:pull", f"repository:{mirror}/library/alpine:pull"]
    query = urlencode([("scope", scope) for scope in (scopes if first else scopes[::-1])])
    assert (await facade_client.request(f"/token?{query}", headers=[])).json() == handed_out(facade_client.server)
    assert facade_client.upstream_parameters["scope"] == ["repository:cache/library/alpine:pull"]


async def test_r13_10_other_scopes_stay(facade_client: FacadeClient) -> None:
    """One name must end in the other as a whole; and a longer one that is not mapped has nothing to say."""
    scopes = [
        "app:pull",
        "team/app:pull",
        "team/b/web-app:pull",
        "team/b/app:pull",
        "elsewhere/team/web:pull",
        "team/web:pull",
    ]
    query = urlencode([("scope", f"repository:{scope}") for scope in scopes])
    assert (await facade_client.request(f"/token?{query}&scope=registry:catalog:*", headers=[])).json() == handed_out(
        facade_client.server
    )
    names = ["acme/app", "acme/b/web-app", "acme/b/app", "acme/web"]
    assert facade_client.upstream_parameters["scope"] == [
        *(f"repository:{name}:pull" for name in names),
        "registry:catalog:*",
    ]


async def test_r13_3_a_registry_that_wants_a_token_goes_before_one_that_wants_none(facade_client: FacadeClient) -> None:
    facade_client.map(
        {
            "open": (RegistryEntry("https://o.example", "o", auth=Auth.NONE), "open", 0),
            "team": (facade_client.registry, "acme", 0),
        }
    )
    answer = await facade_client.request(f"/token?scope=repository:open/base:pull&scope={PULL}", headers=[])
    assert answer.json() == handed_out(facade_client.server)
    assert facade_client.upstream_parameters["scope"] == ["repository:acme/app:pull"]


@pytest.mark.parametrize("flags", [0, Flag.PRIVATE, Flag.REDIRECT_ONLY])
async def test_a_switch_of_the_mapping_changes_nothing_here(facade_client: FacadeClient, flags: int) -> None:
    facade_client.map_to(facade_client.registry, flags=flags)
    answer = await facade_client.request(f"/token?scope={PULL}", headers=[CREDENTIALS], agent=DOCKER)
    assert answer.json() == handed_out(facade_client.server)


async def test_head_is_answered_without_a_body(facade_client: FacadeClient) -> None:
    answer = await facade_client.request(f"/token?scope={PULL}", method="HEAD", headers=[])
    assert (answer.status, answer.body) == (200, b"")
