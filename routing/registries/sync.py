"""The registry client for code that is not async: commands, verbs, synchronous workers.

There is one implementation of the guard and of the deadlines, the asynchronous one. This runs it on an event loop in a
thread of its own, so that nothing has to be written, or trusted, twice.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Concatenate, NamedTuple, ParamSpec, TypeVar

from httpx2 import Headers

from .client import Answer, ClientLimits, HeaderItems, OpenAnswer, RegistryClient
from .guard import GuardPolicy, Resolver, system_resolver

P = ParamSpec("P")
T = TypeVar("T")


class SyncOpenAnswer:
    """An `OpenAnswer` that is read with plain calls."""

    def __init__(self, answer: OpenAnswer, client: SyncRegistryClient) -> None:
        self.status: int = answer.status
        self.headers: Headers = answer.headers
        self.url: str = answer.url
        self._answer = answer
        self._client = client

    @property
    def content_length(self) -> int | None:
        return self._answer.content_length

    def chunks(self) -> Iterator[bytes]:
        """The body as it comes, read no faster than the caller takes it."""
        parts = self._answer.chunks()

        async def next_part() -> bytes | None:
            return await anext(parts, None)

        try:
            while (part := self._client.wait_for(next_part())) is not None:
                yield part
        finally:
            self._client.wait_for(parts.aclose())

    def read(self, max_bytes: int) -> bytes:
        return self._client.wait_for(self._answer.read(max_bytes))


class _Running(NamedTuple):
    process_id: int
    loop: asyncio.AbstractEventLoop
    client: RegistryClient
    thread: threading.Thread


class SyncRegistryClient:
    """A `RegistryClient` for any number of threads.

    Its own thread starts at the first use, and anew in a process forked from this one. Calls block, so they do not
    belong in a coroutine.
    """

    def __init__(
        self,
        policy: GuardPolicy,
        limits: ClientLimits | None = None,
        *,
        resolver: Resolver = system_resolver,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._make_client: Callable[[], RegistryClient] = lambda: RegistryClient(
            policy, limits, resolver=resolver, tls=tls
        )
        self._start_lock = threading.Lock()
        self._running: _Running | None = None

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: HeaderItems = (),
        content: bytes | None = None,
        max_body_bytes: int | None = None,
    ) -> Answer:
        """As `RegistryClient.request`."""
        return self.run(
            RegistryClient.request, method, url, headers=headers, content=content, max_body_bytes=max_body_bytes
        )

    def peek(self, method: str, url: str, *, headers: HeaderItems = ()) -> Answer:
        """As `RegistryClient.peek`."""
        return self.run(RegistryClient.peek, method, url, headers=headers)

    @contextmanager
    def open(
        self,
        method: str,
        url: str,
        *,
        headers: HeaderItems = (),
        content: bytes | None = None,
        total_seconds: float | None = None,
        streaming: bool = False,
    ) -> Iterator[SyncOpenAnswer]:
        """As `RegistryClient.open`."""
        opened = self._start().client.open(
            method, url, headers=headers, content=content, total_seconds=total_seconds, streaming=streaming
        )
        answer = self.wait_for(opened.__aenter__())
        try:
            yield SyncOpenAnswer(answer, self)
        finally:
            self.wait_for(opened.__aexit__(None, None, None))

    def run(
        self,
        function: Callable[Concatenate[RegistryClient, P], Coroutine[Any, Any, T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Call an async function that takes a `RegistryClient` first, such as `probe_registry`, and wait for it."""
        return self.wait_for(function(self._start().client, *args, **kwargs))

    def wait_for(self, awaitable: Awaitable[T]) -> T:
        """Run on this client's event loop, from any other thread, and give back what comes of it."""

        async def awaited() -> T:
            return await awaitable

        future = asyncio.run_coroutine_threadsafe(awaited(), self._start().loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        """Close every connection and end the thread. The client may be used again, and then starts anew."""
        with self._start_lock:
            running, self._running = self._running, None
        if running is None or running.process_id != os.getpid():
            return
        asyncio.run_coroutine_threadsafe(running.client.aclose(), running.loop).result()
        running.loop.call_soon_threadsafe(running.loop.stop)
        running.thread.join()
        running.loop.close()

    def _start(self) -> _Running:
        running = self._running
        if running is not None and running.process_id == os.getpid():
            return running
        with self._start_lock:
            if self._running is None or self._running.process_id != os.getpid():
                loop = asyncio.new_event_loop()
                thread = threading.Thread(target=loop.run_forever, name="registry-client", daemon=True)
                thread.start()
                self._running = _Running(os.getpid(), loop, self._make_client(), thread)
            return self._running
