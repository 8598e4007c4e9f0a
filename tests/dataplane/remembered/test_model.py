"""Nobody gets what they may not: whatever happens to repositories, mappings, tokens, registries and the store's files.

The model knows at each moment what the registry would give to nobody in particular. A caller who has nothing (its token
opens nothing at the registry) must be given no more than that, and no longer than the settings say.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from pytest_django import Settings

from routing.core.table.mapping_entry import Flag
from routing.dataplane.remembered import troubles, visits
from routing.dataplane.remembered.recall import memory
from routing.dataplane.upstream import client_pool
from routing.dataplane.upstream.own_account import own_accounts
from routing.dataplane.upstream.registry_shares import RegistryShares
from routing.manifest_store import store as stores
from routing.registries.auth.accounts import PullAccount
from tests.dataplane.facade_client import FacadeClient, Response, set_mappings
from tests.dataplane.remembered.conftest import ROBOT, entry_of, is_asking
from tests.dataplane.remembered.public_registry import (
    MEMBER,
    STRANGER,
    TOKEN_SECONDS,
    Content,
    PublicRegistry,
    manifest,
)
from tests.examples import examples
from tests.fast_lane.lanes import facade
from tests.registries.small_registry import digest_of
from tests.registries.waiting import eventually

PUBLIC_SECONDS, TAG_SECONDS, STALE_SECONDS = 600.0, 5, 3600
NAMESPACES, NAMES, TAGS = ("acme", "other"), ("a", "b"), ("1", "2")
BODIES = [manifest(word) for word in "xyz"]
DIGESTS = [digest_of(body) for body in BODIES]
HOSTS = ("docker.acme.com", "docker.globex.com")
namespaces, names, tags = st.sampled_from(NAMESPACES), st.sampled_from(NAMES), st.sampled_from(TAGS)
bodies, digests = st.sampled_from(BODIES), st.sampled_from(DIGESTS)


class Registry(PublicRegistry):
    """Knows when it last refused one who had nobody's token, or had no more what it had given such a one."""

    refused_at: dict[str, float]
    given_to_nobody: set[tuple[str, str]]

    def opens(self, token: str, name: str) -> bool:
        opened = super().opens(token, name)
        if not opened and is_nobodys(token):
            self._refuse(name)
            self.given_to_nobody = {each for each in self.given_to_nobody if each[0] != name}
        return opened

    def gives(self, token: str, name: str, reference: str) -> None:
        if is_nobodys(token):
            self.given_to_nobody.add((name, reference))

    def misses(self, token: str, name: str, reference: str) -> None:
        if is_nobodys(token) and (name, reference) in self.given_to_nobody:
            self.given_to_nobody.discard((name, reference))
            self._refuse(name)

    def _refuse(self, name: str) -> None:
        self.refused_at[name] = self.now()


def is_nobodys(token: str) -> bool:
    return token.startswith("Bearer anonymous/")


class World(RuleBasedStateMachine):
    """A facade with two tenants before one registry, and what is true of it."""

    django: Settings
    #: Whether the facade is asked as a worker's protocol reads requests, which has answers that stand.
    as_bytes = False
    #: How what strangers were given came, in all examples.
    given: list[str] = []
    by_account = 0

    def __init__(self) -> None:
        super().__init__()
        self._now = 1_000_000.0
        self._folder = Path(tempfile.mkdtemp(prefix="remembered-"))
        self.django.STATE_DIR = self._folder
        memory.forget()
        own_accounts.forget_all()
        self._server = Registry(now=lambda: self._now)
        self._server.refused_at, self._server.given_to_nobody = {}, set()
        for namespace in NAMESPACES:
            for name in NAMES:
                content = self._server.contents[f"{namespace}/{name}"] = Content()
                content.put(BODIES[0], "1")
                content.put(BODIES[1], "2")
        self._server.account = ROBOT.basic
        self._namespace, self._flags = "acme", 0
        self._account: PullAccount | None = ROBOT
        # When a manifest, or what a tag is, was last to be had by everybody.
        self._had: dict[tuple[str, str], float] = {}
        self._tagged: dict[tuple[str, str, str], float] = {}
        self._public_at: dict[str, float] = {}
        self._runner = asyncio.Runner()
        self._client = FacadeClient(self._server, entry_of(self._server), facade(), as_bytes=self.as_bytes)
        self._map()
        clock = SimpleNamespace(monotonic=lambda: self._now)
        self._patches = pytest.MonkeyPatch()
        self._patches.setattr(stores, "now", lambda: self._now)
        self._patches.setattr(troubles, "time", clock)
        self._patches.setattr(troubles, "RETRY_SECONDS", 0.0)
        self._patches.setattr(visits, "registry_shares", RegistryShares())

    def teardown(self) -> None:
        World.by_account += self._server.account_gets
        self._runner.run(client_pool.close())
        self._runner.close()
        self._patches.undo()
        self._server.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _map(self) -> None:
        set_mappings({"team": (entry_of(self._server, self._account), self._namespace, self._flags)})

    def _look(self) -> None:
        """Write down what everybody can have now, or by a token that everybody got a moment ago."""
        for name, content in self._server.contents.items():
            if content.public:
                self._public_at[name] = self._now
            public_at = self._public_at.get(name, float("-inf"))
            if self._server.broken is not None or self._now - public_at >= TOKEN_SECONDS:
                continue
            for digest in content.manifests:
                self._had[name, digest] = public_at
            for tag, digest in content.tags.items():
                self._tagged[name, tag, digest] = self._now

    def _happens(self, what: Callable[[], object]) -> None:
        self._look()
        what()
        self._now += 0.01
        self._look()

    @rule(namespace=namespaces, name=names, public=st.booleans())
    def a_repository_is_made_public_or_private(self, namespace: str, name: str, public: bool) -> None:
        self._happens(lambda: setattr(self._server.contents[f"{namespace}/{name}"], "public", public))

    @rule(namespace=namespaces, name=names, body=bodies, tag=tags)
    def a_manifest_is_pushed(self, namespace: str, name: str, body: bytes, tag: str) -> None:
        self._happens(lambda: self._server.contents[f"{namespace}/{name}"].put(body, tag))

    @rule(namespace=namespaces, name=names, digest=digests)
    def a_manifest_is_deleted(self, namespace: str, name: str, digest: str) -> None:
        content = self._server.contents[f"{namespace}/{name}"]

        def delete() -> None:
            content.manifests.pop(digest, None)
            content.tags = {tag: there for tag, there in content.tags.items() if there != digest}

        self._happens(delete)

    @rule(namespace=namespaces)
    def the_mapping_is_repointed(self, namespace: str) -> None:
        self._namespace = namespace
        self._map()

    @rule(flags=st.sampled_from([0, 0, int(Flag.PRIVATE)]))
    def the_mapping_is_made_private_or_not(self, flags: int) -> None:
        self._flags = flags
        self._map()

    @rule(account=st.sampled_from([None, ROBOT, ROBOT, ROBOT._replace(password="of somebody else")]))
    def the_facade_gets_an_account_or_loses_it(self, account: PullAccount | None) -> None:
        """It may read everything, so that whatever is fetched with it must have been public without."""
        self._account = account
        self._map()

    @rule(broken=st.sampled_from([None, None, 429, 503]))
    def the_registry_fails_or_is_mended(self, broken: int | None) -> None:
        self._happens(lambda: setattr(self._server, "broken", broken))

    @rule(seconds=st.sampled_from([1, 6, 61, 300, 470, 601, 3601]))
    def time_goes_by(self, seconds: float) -> None:
        self._look()
        self._now += seconds
        self._look()

    @rule()
    def the_worker_is_another(self) -> None:
        stores._store.cache_clear()
        memory.forget()

    @rule(number=st.integers(0, 100), cut=st.booleans())
    def a_file_is_damaged(self, number: int, cut: bool) -> None:
        # One that is written just now has a name of its own, and is about to get another one.
        files = sorted(path for path in self._folder.rglob("*") if path.is_file() and "~" not in path.name)
        content = bytearray(files[number % len(files)].read_bytes()) if files else bytearray()
        if content:
            path = files[number % len(files)]
            content[len(content) // 2] ^= 1
            path.write_bytes(content[: len(content) // 2] if cut else content)
            stores._store.cache_clear()
            # The facade may not know any more what it was given.
            self._server.given_to_nobody.clear()

    @rule(host=st.sampled_from(HOSTS), name=names, digest=digests, method=st.sampled_from(["GET", "HEAD"]))
    def a_stranger_asks_by_digest(self, host: str, name: str, digest: str, method: str) -> None:
        response = self._ask(host, name, digest, method, STRANGER)
        if response.status == 200:
            assert response.headers["docker-content-digest"] == digest
            self._judge(name, response, method, digest)

    @rule(host=st.sampled_from(HOSTS), name=names, tag=tags)
    def a_stranger_asks_by_tag(self, host: str, name: str, tag: str) -> None:
        response = self._ask(host, name, tag, "GET", STRANGER)
        if response.status == 200:
            digest = digest_of(response.body)
            self._judge(name, response, "GET", digest)
            since = STALE_SECONDS if "warning" in response.headers else TAG_SECONDS
            assert self._now - self._tagged[f"{self._namespace}/{name}", tag, digest] < since + 1

    @rule(host=st.sampled_from(HOSTS), name=names, digest=digests)
    def a_stranger_asks_where_a_blob_is(self, host: str, name: str, digest: str) -> None:
        response = self._ask(host, name, digest, "GET", STRANGER, kind="blobs")
        if response.status == 307:
            self.given.append("blob")
            assert not self._flags & Flag.PRIVATE
            # A token that everybody got opens it for so long at the registry, too; and what it said is good for 1 s.
            assert self._asked_at - self._public_at[f"{self._namespace}/{name}"] < TOKEN_SECONDS + 1

    @rule(name=names)
    def strangers_ask_for_everything(self, name: str) -> None:
        for digest in DIGESTS:
            self.a_stranger_asks_by_digest(HOSTS[0], name, digest, "GET")
        for tag in TAGS:
            self.a_stranger_asks_by_tag(HOSTS[1], name, tag)
        self.a_stranger_asks_where_a_blob_is(HOSTS[0], name, DIGESTS[0])

    @rule(name=names, status=st.sampled_from([429, 503]), seconds=st.sampled_from([61, 601, 3000, 3601]))
    def the_registry_fails_for_a_while(self, name: str, status: int, seconds: float) -> None:
        self.strangers_ask_for_everything(name)
        self.the_registry_fails_or_is_mended(status)
        self.time_goes_by(seconds)
        self.strangers_ask_for_everything(name)
        self.the_registry_fails_or_is_mended(None)

    @rule(name=names, digest=digests)
    def a_repository_is_closed_while_a_token_is_good(self, name: str, digest: str) -> None:
        content = self._server.contents[f"{self._namespace}/{name}"]
        self.a_stranger_asks_by_digest(HOSTS[0], name, digest, "GET")
        self._happens(lambda: setattr(content, "public", False))
        self.time_goes_by(TOKEN_SECONDS - 5)
        self.strangers_ask_for_everything(name)
        self.time_goes_by(PUBLIC_SECONDS - 10)
        self.strangers_ask_for_everything(name)

    @rule(name=names, digest=digests, tag=tags)
    def what_was_given_goes(self, name: str, digest: str, tag: str) -> None:
        self.strangers_ask_for_everything(name)
        self.a_manifest_is_deleted(self._namespace, name, digest)
        self.time_goes_by(TAG_SECONDS + 1)
        self.a_stranger_asks_by_tag(HOSTS[0], name, tag)
        self.strangers_ask_for_everything(name)

    @rule(name=names, reference=st.one_of(digests, tags))
    def a_member_asks(self, name: str, reference: str) -> None:
        content = self._server.contents[f"{self._namespace}/{name}"]
        response = self._ask(HOSTS[0], name, reference, "GET", MEMBER)
        is_there = content.tags.get(reference, reference) in content.manifests
        if self._server.broken is None and is_there:
            assert response.status == 200
        if response.status == 200 and ":" in reference:
            assert digest_of(response.body) == reference

    def _ask(
        self, host: str, name: str, reference: str, method: str, token: tuple[str, str], kind: str = "manifests"
    ) -> Response:
        self._look()

        async def ask() -> Response:
            path = f"/v2/team/{name}/{kind}/{reference}"
            response = await self._client.request(path, method=method, host=host, headers=[token])
            await eventually(lambda: not is_asking())
            return response

        self._asked_at = self._now
        self._refused_before = dict(self._server.refused_at)
        response: Any = self._runner.run(ask())
        self._now += 0.01
        assert isinstance(response, Response)
        return response

    def _judge(self, name: str, response: Response, method: str, digest: str) -> None:
        """A caller that has nothing was given this."""
        self.given.append("stale" if "warning" in response.headers else "fresh")
        assert not self._flags & Flag.PRIVATE
        repository = f"{self._namespace}/{name}"
        had_at = self._had[repository, digest]
        is_stale = "warning" in response.headers
        assert self._asked_at - had_at < (STALE_SECONDS if is_stale else PUBLIC_SECONDS) + 1
        assert had_at > self._refused_before.get(repository, float("-inf"))
        if method == "GET":
            assert digest_of(response.body) == digest


@pytest.mark.parametrize("as_bytes", [False, True], ids=["application", "worker"])
def test_nobody_gets_what_they_could_not_have_had_as_nobody(trusting: Settings, as_bytes: bool) -> None:
    trusting.FACADE_PUBLIC_SECONDS = PUBLIC_SECONDS
    trusting.FACADE_TAG_SECONDS = TAG_SECONDS
    trusting.FACADE_STALE_SECONDS = STALE_SECONDS
    World.django, World.as_bytes, World.given = trusting, as_bytes, []
    run_state_machine_as_test(
        World, settings=hypothesis_settings(max_examples=examples(60), stateful_step_count=40, deadline=None)
    )
    # Else there was nothing to be judged.
    assert World.given.count("fresh") > 10
    assert World.given.count("stale") > 2
    assert World.given.count("blob") > 5
    assert World.by_account > 10
