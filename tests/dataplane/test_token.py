"""`/token`: whom it asks, what it hands on, and the tokens that it makes itself (docs/request-handling.md, R13)."""

from __future__ import annotations

import base64
import json
from urllib.parse import urlencode

import pytest
from cryptography.fernet import Fernet
from pytest_django import Settings

from routing.core.table.mapping_entry import Flag
from routing.core.table.routing_table import Auth, RegistryEntry
from routing.dataplane.upstream import client_pool, credentials
from tests.dataplane.facade_client import BASIC, DOCKER, HOST, MANIFEST, PODMAN, UPSTREAM, FacadeClient
from tests.registries.faulty_server import Exchange, FaultyServer

GIVEN = {"token": "upstream.token", "access_token": "upstream.token", "expires_in": 60}
CREDENTIALS = ("authorization", f"Basic {BASIC}")
PULL = "repository:team/app:pull"


@pytest.fixture(autouse=True)
def realm(server: FaultyServer) -> None:
    server.answers_json("/realm", GIVEN)


async def test_r13_1_get_is_answered_by_the_registrys_realm(facade_client: FacadeClient) -> None:
    answer = await facade_client.request(
        f"/token?service={HOST}&scope={PULL}&account=alice&client_id=docker", headers=[CREDENTIALS]
    )
    assert (answer.status, answer.json()) == (200, GIVEN)
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
    assert (answer.status, answer.json()) == (200, GIVEN)
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


async def test_r13_3_a_name_that_is_not_mapped(facade_client: FacadeClient, server: FaultyServer) -> None:
    answer = await facade_client.request("/token?scope=repository:nowhere/a:pull", headers=[CREDENTIALS])
    assert answer.error[:2] == (403, "DENIED")
    assert server.requests == []


async def test_r13_4_a_bare_login_goes_to_the_only_registry(facade_client: FacadeClient) -> None:
    answer = await facade_client.request(
        f"/token?account=alice&service={HOST}&offline_token=true", headers=[CREDENTIALS]
    )
    assert (answer.status, answer.json()) == (200, GIVEN)
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
            assert answer.json() == GIVEN
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
        (lambda exchange: exchange.answer(302, {"Location": "/x"}), 502, "the token realm of the registry answered"),
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


async def test_r13_9_too_many_parameters_and_too_long_a_form(facade_client: FacadeClient, server: FaultyServer) -> None:
    assert (await facade_client.request("/token?" + "a=b&" * 60, headers=[])).status == 400
    assert (await facade_client.request("/token", method="POST", headers=[], body=b"a=" + b"x" * 70_000)).status == 413
    assert server.requests == []


@pytest.mark.parametrize("flags", [0, Flag.PRIVATE, Flag.REDIRECT_ONLY])
async def test_a_switch_of_the_mapping_changes_nothing_here(facade_client: FacadeClient, flags: int) -> None:
    facade_client.map_to(facade_client.registry, flags=flags)
    answer = await facade_client.request(f"/token?scope={PULL}", headers=[CREDENTIALS], agent=DOCKER)
    assert answer.json() == GIVEN


async def test_head_is_answered_without_a_body(facade_client: FacadeClient) -> None:
    answer = await facade_client.request(f"/token?scope={PULL}", method="HEAD", headers=[])
    assert (answer.status, answer.body) == (200, b"")
