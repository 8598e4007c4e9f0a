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
from tests.dataplane.asking import BASIC, DOCKER, HOST, MANIFEST, PODMAN, UPSTREAM, Asking
from tests.registries.sick_server import Exchange, SickServer

GIVEN = {"token": "upstream.token", "access_token": "upstream.token", "expires_in": 60}
CREDENTIALS = ("authorization", f"Basic {BASIC}")
PULL = "repository:team/app:pull"


@pytest.fixture(autouse=True)
def realm(server: SickServer) -> None:
    server.answers_json("/realm", GIVEN)


async def test_r13_1_get_is_answered_by_the_registrys_realm(ask: Asking) -> None:
    answer = await ask(f"/token?service={HOST}&scope={PULL}&account=alice&client_id=docker", headers=[CREDENTIALS])
    assert (answer.status, answer.json()) == (200, GIVEN)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert ask.asked.path.startswith("/realm?")
    assert ask.asked_fields == {
        "service": ["s"],
        "scope": ["repository:acme/app:pull"],
        "account": ["alice"],
        "client_id": ["docker"],
    }
    assert ask.asked.headers["Authorization"] == CREDENTIALS[1]
    assert ask.asked.headers["User-Agent"] == PODMAN


async def test_r13_1_post_is_answered_by_the_registrys_realm(ask: Asking) -> None:
    form = {
        "grant_type": "password",
        "service": HOST,
        "scope": f"{PULL} registry:catalog:*",
        "client_id": "containerd",
        "username": "alice",
        "password": "s3cret&=%",
        "access_type": "offline",
    }
    answer = await ask("/token", method="POST", headers=[], body=urlencode(form).encode())
    assert (answer.status, answer.json()) == (200, GIVEN)
    assert ask.asked.method == "POST"
    expected = form | {"service": "s", "scope": "repository:acme/app:pull registry:catalog:*"}
    assert ask.asked_fields == {name: [value] for name, value in expected.items()}
    assert "Authorization" not in ask.asked.headers


async def test_r13_1_a_realm_with_parameters_of_its_own_keeps_them(ask: Asking, server: SickServer) -> None:
    ask.lead_to(ask.registry._replace(realm=f"{server.url}/realm?zone=a%2Fb"))
    assert (await ask(f"/token?scope={PULL}", headers=[])).status == 200
    assert ask.asked_fields["zone"] == ["a/b"]


@pytest.mark.parametrize(
    ("query", "scopes"),
    [
        ("scope=repository:team/a:pull&scope=repository:team/b:pull,push", ["team/a:pull", "team/b:pull,push"]),
        ("scope=repository:team/a:pull%20repository:team/b:pull", ["team/a:pull", "team/b:pull"]),
        ("scope=repository:team/a:pull+repository:team/a:pull", ["team/a:pull"]),
        ("scope=repository(plugin):team/a:pull", ["(plugin):team/a:pull"]),
    ],
)
async def test_r13_2_every_scope_is_rewritten(ask: Asking, query: str, scopes: list[str]) -> None:
    assert (await ask(f"/token?{query}&service=x", headers=[])).status == 200
    wanted = [f"repository{'' if one[0] == '(' else ':'}{one.replace('team/', 'acme/')}" for one in scopes]
    assert ask.asked_fields["scope"] == wanted
    assert ask.asked_fields["service"] == ["s"]


async def test_r13_2_one_component_names_have_their_place(ask: Asking, server: SickServer) -> None:
    ask.lead_to(ask.registry._replace(implicit_namespace="library"), prefix="", upstream="")
    await ask("/token?scope=repository:alpine:pull&scope=repository:acme/app:pull", headers=[])
    assert ask.asked_fields["scope"] == ["repository:library/alpine:pull", "repository:acme/app:pull"]


async def test_r13_3_scopes_at_other_registries_are_left_out(ask: Asking, server: SickServer) -> None:
    other = RegistryEntry("https://other.example", "other", auth=Auth.BEARER, realm="https://other.example/realm")
    ask.lead({"team": (ask.registry, "acme", 0), "other": (other, "other", 0)})
    scopes = ["repository:nowhere/a:pull", PULL, "repository:other/a:pull", "repository:team/b:pull"]
    assert (await ask("/token?" + urlencode([("scope", one) for one in scopes]), headers=[CREDENTIALS])).status == 200
    assert ask.asked_fields["scope"] == ["repository:acme/app:pull", "repository:acme/b:pull"]


async def test_r13_3_a_name_that_is_not_mapped(ask: Asking, server: SickServer) -> None:
    answer = await ask("/token?scope=repository:nowhere/a:pull", headers=[CREDENTIALS])
    assert answer.error[:2] == (403, "DENIED")
    assert server.asked == []


async def test_r13_4_a_bare_login_goes_to_the_only_registry(ask: Asking) -> None:
    answer = await ask(f"/token?account=alice&service={HOST}&offline_token=true", headers=[CREDENTIALS])
    assert (answer.status, answer.json()) == (200, GIVEN)
    assert ask.asked_fields == {"account": ["alice"], "service": ["s"], "offline_token": ["true"]}
    assert ask.asked.headers["Authorization"] == CREDENTIALS[1]


async def test_r13_4_a_bare_login_goes_to_the_login_registry(ask: Asking, server: SickServer) -> None:
    second = ask.registry._replace(origin=f"http://localhost:{server.port}", service="second")
    ways = {"team": (ask.registry, "acme", 0), "other": (second, "other", 0)}
    ask.lead(ways, login="1")
    await ask("/token?account=alice", headers=[CREDENTIALS])
    assert ask.asked_fields["service"] == ["second"]
    server.asked.clear()
    ask.lead(ways)
    answer = await ask("/token?account=alice", headers=[CREDENTIALS])
    assert (answer.status, answer.json()["token"]) == (200, credentials.OPEN_TOKEN)
    assert server.asked == []


async def test_r13_5_credentials_go_to_that_realm_alone_and_not_into_the_log(
    ask: Asking, server: SickServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    await ask(f"/token?scope={PULL}", headers=[CREDENTIALS])
    await ask("/token", method="POST", headers=[], body=b"grant_type=password&username=alice&password=s3cret")
    answer = await ask("/token?scope=no-scope-at-all", headers=[CREDENTIALS])
    assert {asked.path.partition("?")[0] for asked in server.asked} == {"/realm"}
    assert answer.status == 400
    for secret in ("s3cret", BASIC, "upstream.token"):
        assert secret not in caplog.text
        assert secret not in answer.body.decode()


async def test_r13_6_an_open_registry_has_a_token_that_means_nothing(ask: Asking, server: SickServer) -> None:
    ask.lead_to(RegistryEntry(server.url, "open", auth=Auth.NONE))
    server.answers_json(UPSTREAM["/v2/team/app/tags/list"], {"name": "acme/app", "tags": []})
    answer = await ask(f"/token?scope={PULL}", headers=[CREDENTIALS])
    assert answer.status == 200
    assert answer.json()["token"] == answer.json()["access_token"]
    assert answer.json()["expires_in"] >= 60
    assert server.asked == []
    bearer = ("authorization", f"Bearer {answer.json()['token']}")
    assert (await ask("/v2/team/app/tags/list", headers=[bearer])).status == 200
    assert "Authorization" not in ask.asked.headers


class TestBasicRegistries:
    """R13.7: sealed tokens."""

    @pytest.fixture(autouse=True)
    def basic(self, ask: Asking, server: SickServer) -> None:
        ask.lead_to(RegistryEntry(server.url, "the registry", auth=Auth.BASIC))
        for path, body in (("/v2/", b"{}"), (UPSTREAM[MANIFEST], b'{"manifests":[]}')):
            server.on(path, lambda exchange, body=body: self._guarded(exchange, body))  # type: ignore[misc]

    @staticmethod
    def _guarded(exchange: Exchange, body: bytes) -> None:
        if exchange.asked.headers.get("Authorization") == f"Basic {BASIC}":
            exchange.answer(200, {"Content-Type": "application/json"}, body)
        else:
            exchange.answer(401, {"WWW-Authenticate": 'Basic realm="r"'}, b"{}")

    @staticmethod
    async def _sealed(ask: Asking, host: str = HOST) -> str:
        answer = await ask(f"/token?scope={PULL}", headers=[CREDENTIALS], host=host)
        assert answer.status == 200, answer.body
        return str(answer.json()["token"])

    async def test_the_callers_credentials_are_tried_and_sealed(self, ask: Asking) -> None:
        token = await self._sealed(ask)
        assert ask.asked.path == "/v2/"
        assert "s3cret" not in token
        assert BASIC not in token
        assert b"s3cret" not in base64.urlsafe_b64decode(token.partition(".")[2])
        answer = await ask(MANIFEST, headers=[("authorization", f"Bearer {token}")])
        assert (answer.status, answer.body) == (200, b'{"manifests":[]}')
        assert ask.asked.headers["Authorization"] == f"Basic {BASIC}"

    async def test_a_password_in_a_form_does_as_well(self, ask: Asking) -> None:
        form = urlencode({"grant_type": "password", "username": "alice", "password": "s3cret", "scope": PULL})
        answer = await ask("/token", method="POST", headers=[], body=form.encode())
        token = answer.json()["access_token"]
        assert (await ask(MANIFEST, headers=[("authorization", f"Bearer {token}")])).status == 200

    async def test_wrong_and_missing_credentials_are_refused(self, ask: Asking, server: SickServer) -> None:
        wrong = await ask(f"/token?scope={PULL}", headers=[("authorization", "Basic YWxpY2U6bm8=")])
        assert wrong.error[:2] == (401, "UNAUTHORIZED")
        server.asked.clear()
        for given in ([], [("authorization", "Basic !!")], [("authorization", "Bearer x")]):
            missing = await ask(f"/token?scope={PULL}", headers=given, host=f"{HOST}:5000")
            assert missing.error[:2] == (401, "UNAUTHORIZED")
            assert f"docker login {HOST}:5000" in missing.error[2]
        assert server.asked == []

    async def test_a_sealed_token_is_for_one_hostname(self, ask: Asking, server: SickServer) -> None:
        token = await self._sealed(ask)
        server.asked.clear()
        answer = await ask(MANIFEST, host="docker.globex.com", headers=[("authorization", f"Bearer {token}")])
        assert answer.status == 401
        assert server.asked == []

    async def test_a_sealed_token_is_for_one_registry(self, ask: Asking, server: SickServer) -> None:
        token = await self._sealed(ask)
        server.asked.clear()
        for auth in (Auth.BASIC, Auth.BEARER, Auth.UNKNOWN):
            ask.lead_to(RegistryEntry(f"http://localhost:{server.port}", "another", auth=auth))
            answer = await ask(MANIFEST, headers=[("authorization", f"Bearer {token}")])
            assert answer.status == 401
            assert answer.headers["www-authenticate"].startswith("Bearer ")
        assert server.asked == []

    async def test_a_sealed_token_ends_after_minutes(self, ask: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
        token = await self._sealed(ask)
        monkeypatch.setattr(credentials, "SEALED_SECONDS", -1)
        assert (await ask(MANIFEST, headers=[("authorization", f"Bearer {token}")])).status == 401

    async def test_a_forged_token_is_refused(self, ask: Asking, server: SickServer) -> None:
        token = await self._sealed(ask)
        server.asked.clear()
        payload = json.dumps({"host": HOST, "origin": server.url, "basic": BASIC}).encode()
        forged = "rfs1." + Fernet(Fernet.generate_key()).encrypt(payload).decode()
        changed = token[:-4] + ("AAAA" if token[-4:] != "AAAA" else "BBBB")
        for bad in (forged, changed, "rfs1.", "rfs1.é", "x", BASIC, credentials.OPEN_TOKEN):
            sent = [("authorization", f"Bearer {bad}")]
            assert (await ask(MANIFEST, headers=sent)).status == 401, bad
        assert server.asked == []

    async def test_a_change_of_the_servers_key_keeps_tokens_alive(self, ask: Asking, settings: Settings) -> None:
        token = await self._sealed(ask)
        settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
        settings.SECRET_KEY = "another"
        assert (await ask(MANIFEST, headers=[("authorization", f"Bearer {token}")])).status == 200
        settings.SECRET_KEY_FALLBACKS = []
        assert (await ask(MANIFEST, headers=[("authorization", f"Bearer {token}")])).status == 401

    async def test_a_password_that_was_changed_since_asks_for_a_new_token(
        self, ask: Asking, server: SickServer
    ) -> None:
        token = await self._sealed(ask)
        server.answers(UPSTREAM[MANIFEST], 401, {"WWW-Authenticate": 'Basic realm="r"'})
        answer = await ask(MANIFEST, headers=[("authorization", f"Bearer {token}")])
        assert answer.headers["www-authenticate"].startswith(f'Bearer realm="http://{HOST}/token"')


class TestUnprobedRegistries:
    """What a registry asks for is found out at the first /token, and the token tells it to every worker (R14.2)."""

    async def test_bearer(self, ask: Asking, server: SickServer) -> None:
        ask.lead_to(RegistryEntry(server.url, "new"))
        asks = f'Bearer realm="{server.url}/realm",service="found"'
        server.answers("/v2/", 401, {"WWW-Authenticate": asks})
        for _ in range(2):
            answer = await ask(f"/token?scope={PULL}", headers=[CREDENTIALS])
            assert answer.json() == GIVEN
            assert ask.asked_fields["service"] == ["found"]
        assert server.paths().count("/v2/") == 1

    async def test_basic(self, ask: Asking, server: SickServer) -> None:
        ask.lead_to(RegistryEntry(server.url, "new"))
        server.on("/v2/", lambda exchange: TestBasicRegistries._guarded(exchange, b"{}"))
        server.on(UPSTREAM[MANIFEST], lambda exchange: TestBasicRegistries._guarded(exchange, b"{}"))
        token = (await ask(f"/token?scope={PULL}", headers=[CREDENTIALS])).json()["token"]
        await client_pool.close()  # As in another worker, which has not asked yet.
        assert (await ask(MANIFEST, headers=[("authorization", f"Bearer {token}")])).status == 200
        assert ask.asked.headers["Authorization"] == f"Basic {BASIC}"

    async def test_nothing(self, ask: Asking, server: SickServer) -> None:
        ask.lead_to(RegistryEntry(server.url, "new"))
        server.answers("/v2/", 200, {}, b"{}")
        server.answers(UPSTREAM[MANIFEST], 200, {"Content-Type": "application/json"}, b"{}")
        token = (await ask(f"/token?scope={PULL}", headers=[CREDENTIALS])).json()["token"]
        await client_pool.close()
        assert (await ask(MANIFEST, headers=[("authorization", f"Bearer {token}")])).status == 200
        assert "Authorization" not in ask.asked.headers

    async def test_silence(self, ask: Asking, server: SickServer) -> None:
        ask.lead_to(RegistryEntry(server.url, "new"))
        server.stop()
        answer = await ask(f"/token?scope={PULL}", headers=[CREDENTIALS])
        assert answer.error[:2] == (502, "UNAVAILABLE")
        assert "new could not be asked where its tokens come from" in answer.error[2]


async def test_r13_8_refused_credentials(ask: Asking, server: SickServer) -> None:
    server.answers("/realm", 401, {"WWW-Authenticate": 'Basic realm="x"', "Content-Type": "text/plain"}, b"no")
    answer = await ask(f"/token?scope={PULL}", headers=[CREDENTIALS])
    assert answer.error == (401, "UNAUTHORIZED", "the registry does not accept these credentials")
    theirs = {"errors": [{"code": "DENIED", "message": "your account is locked", "detail": None}]}
    server.answers("/realm", 403, {"Content-Type": "application/json"}, json.dumps(theirs).encode())
    assert (await ask(f"/token?scope={PULL}", headers=[CREDENTIALS])).json() == theirs


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
    ask: Asking, server: SickServer, settings: Settings, behaviour: object, status: int, words: str
) -> None:
    if status == 504:
        settings.FACADE_RELAY_SECONDS = 1.0
    server.on("/realm", behaviour)  # type: ignore[arg-type]
    answer = await ask(f"/token?scope={PULL}", headers=[CREDENTIALS])
    assert answer.error[:2] == (status, "UNAVAILABLE")
    assert words in answer.error[2]


async def test_r13_8_a_realm_at_its_limit(ask: Asking, server: SickServer) -> None:
    server.answers("/realm", 429, {"Retry-After": "9"}, b"")
    answer = await ask(f"/token?scope={PULL}", headers=[])
    assert answer.error[:2] == (429, "TOOMANYREQUESTS")
    assert answer.headers["retry-after"] == "9"


@pytest.mark.parametrize(
    "realm", ["http://127.0.0.1:{port}/realm", "http://169.254.169.254/realm", "http://[::1]/realm"]
)
async def test_r13_8_a_realm_at_an_address_that_is_not_allowed(
    ask: Asking, server: SickServer, settings: Settings, realm: str
) -> None:
    settings.FACADE_ALLOW_PRIVATE_REGISTRIES = False
    ask.lead_to(ask.registry._replace(origin="https://registry.example", realm=realm.format(port=server.port)))
    answer = await ask(f"/token?scope={PULL}", headers=[CREDENTIALS])
    assert answer.error[:2] == (502, "UNAVAILABLE")
    assert "allow" in answer.error[2]
    assert server.asked == []


@pytest.mark.parametrize("scope", ["x", "repository:team/app", "repository::pull", "repository:team/app:", "%00"])
async def test_r13_9_a_scope_that_breaks_the_grammar(ask: Asking, server: SickServer, scope: str) -> None:
    answer = await ask(f"/token?scope={scope}", headers=[CREDENTIALS])
    assert answer.error[:2] == (400, "UNSUPPORTED")
    assert server.asked == []


async def test_r13_9_too_many_parameters_and_too_long_a_form(ask: Asking, server: SickServer) -> None:
    assert (await ask("/token?" + "a=b&" * 60, headers=[])).status == 400
    assert (await ask("/token", method="POST", headers=[], body=b"a=" + b"x" * 70_000)).status == 413
    assert server.asked == []


@pytest.mark.parametrize("flags", [0, Flag.PRIVATE, Flag.REDIRECT_ONLY])
async def test_a_switch_of_the_mapping_changes_nothing_here(ask: Asking, flags: int) -> None:
    ask.lead_to(ask.registry, flags=flags)
    answer = await ask(f"/token?scope={PULL}", headers=[CREDENTIALS], agent=DOCKER)
    assert answer.json() == GIVEN


async def test_head_is_answered_without_a_body(ask: Asking) -> None:
    answer = await ask(f"/token?scope={PULL}", method="HEAD", headers=[])
    assert (answer.status, answer.body) == (200, b"")
