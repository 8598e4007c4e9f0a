"""The doors through which a tenant's rows change. Each says whether it was told that the change is done."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import httpx2

from tests.e2e.facade import PASSWORD, USERNAME, Facade
from tests.e2e.lab.process import LabError
from tests.e2e.model.rows import Rows
from tests.e2e.model.truth import Holding, Route

#: Whoever writes is told within that what became of it, whatever happens to the database.
ANSWER_SECONDS = 30.0
REASON = "the model wants it"


@dataclass(frozen=True)
class Change:
    """One change that somebody wants: `before` and `after` differ in the mapping of a prefix, a registry's origin, or
    whether the tenant is suspended."""

    hostname: str
    tenant: str
    before: Holding
    after: Holding
    prefix: str = ""
    registry: int = 0

    @property
    def route(self) -> Route | None:
        """The mapping as it shall be."""
        return self.after.routes.get(self.prefix)

    @property
    def former(self) -> Route | None:
        """The mapping as it was."""
        return self.before.routes.get(self.prefix)

    @property
    def target(self) -> str:
        """Where the mapping shall lead, as people write it."""
        assert self.route is not None
        return f"{self.after.origins[self.route.registry]}/{self.route.upstream}"

    @property
    def is_switch(self) -> bool:
        """Whether a mapping is switched on or off, and leads where it did."""
        return self.route is not None and self.former is not None and self.route.enabled != self.former.enabled


class Door(Protocol):
    """A way in."""

    name: str

    def takes(self, change: Change) -> bool:
        """Whether there is such a thing here."""
        ...

    def make(self, change: Change) -> bool:
        """Whether it was said to be done; otherwise it may be, or not. Raises where no answer came in time."""
        ...


class Api:
    """A program with a token."""

    name = "API"

    def __init__(self, facade: Facade, rows: Rows, token: str) -> None:
        self._facade, self._rows = facade, rows
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def takes(self, change: Change) -> bool:
        return change.before.suspended == change.after.suspended

    def make(self, change: Change) -> bool:
        body: dict[str, object] = {"reason": REASON}
        if change.registry:
            body |= {"origin": change.after.origins[change.registry]}
            return self._send("PATCH", f"registries/{change.registry}", body)
        if change.former is None:
            body |= {"hostname": change.hostname, "prefix": change.prefix, "tenant": change.tenant}
            said = {"create_hostname": True, "whole_registry": True, "delivery": "redirect-only"}
            return self._send("POST", "mappings", body | said | {"target": change.target})
        mapping, _ = self._rows.mapping(change.hostname, change.prefix)
        if change.route is None:
            return self._send("DELETE", f"mappings/{mapping}", None)
        moved = {"target": change.target, "whole_registry": True}
        wanted = {"enabled": change.route.enabled} if change.is_switch else moved
        return self._send("PATCH", f"mappings/{mapping}", body | wanted)

    def _send(self, method: str, path: str, body: Mapping[str, object] | None) -> bool:
        sent = None if body is None else json.dumps(body).encode()
        try:
            answer = self._facade.request(method, f"/api/v1/{path}", headers=self._headers, body=sent)
        except (ConnectionError, http.client.HTTPException):
            return False  # The worker was killed.
        assert answer.status < 400 or answer.status >= 500, (method, path, body, answer)
        return answer.status < 400


class Admin:
    """A person who fills in forms."""

    name = "admin"

    def __init__(self, facade: Facade, rows: Rows, http: httpx2.Client) -> None:
        self._facade, self._rows, self._http = facade, rows, http

    def takes(self, change: Change) -> bool:
        return not change.registry and change.route is not None

    def make(self, change: Change) -> bool:
        assert change.route is not None
        fields = {"target": change.target, "delivery": "redirect-only", "reason": REASON}
        if change.former is None:
            address = {"hostname": change.hostname, "prefix": change.prefix, "tenant": change.tenant}
            return self._fill("/admin/routing/mapping/add/", fields | address)
        mapping, version = self._rows.mapping(change.hostname, change.prefix)
        switch = {"enabled": "on"} if change.route.enabled else {}
        return self._fill(f"/admin/routing/mapping/{mapping}/change/", fields | switch | {"version": str(version)})

    def _fill(self, path: str, fields: Mapping[str, str]) -> bool:
        try:
            page = self._http.get(path)
            found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
            if page.status_code != 200 or found is None:
                assert page.status_code >= 500, (path, page.status_code, page.headers)
                return False
            answer = self._http.post(path, data={"csrfmiddlewaretoken": found[1], **fields})
        except (httpx2.NetworkError, httpx2.RemoteProtocolError):
            return False
        assert answer.status_code == 302 or answer.status_code >= 500, answer.text
        return answer.status_code == 302


class Command:
    """An operator at a shell. `database_url` is another way to the same database, which this machine may have lost."""

    name = "command"

    def __init__(self, facade: Facade, database_url: str | None = None) -> None:
        self._facade = facade
        self._extra = {} if database_url is None else {"DATABASE_URL": database_url}

    def takes(self, change: Change) -> bool:
        return not change.registry and not change.is_switch

    def make(self, change: Change) -> bool:
        try:
            self._facade.manage(*self._words(change), extra=self._extra)
        except LabError:
            return False
        return True

    @staticmethod
    def _words(change: Change) -> list[str]:
        if change.before.suspended != change.after.suspended:
            verb = "suspend" if change.after.suspended else "unsuspend"
            return [verb, "--tenant", change.tenant, "--reason", REASON]
        address = [change.hostname, change.prefix]
        if change.route is None:
            return ["remove_mapping", *address]
        if change.former is None:
            return ["add_mapping", *address, change.target, "--tenant", change.tenant, "--redirect-only"]
        return ["repoint", *address, change.target, "--reason", REASON]


class BehindTheBack:
    """SQL, of which no verb knows: workers find it when their tables are compared with the rows."""

    name = "SQL"

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def takes(self, change: Change) -> bool:
        return change.route is not None and change.former is not None

    def make(self, change: Change) -> bool:
        assert change.route is not None
        self._rows.set_route(self._rows.mapping(change.hostname, change.prefix)[0], change.route)
        return True


@contextmanager
def signed_in(facade: Facade) -> Iterator[httpx2.Client]:
    """The administrator's browser."""
    with httpx2.Client(base_url=facade.url, timeout=ANSWER_SECONDS, headers={"Connection": "close"}) as http:
        page = http.get("/accounts/login/")
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
        assert token is not None
        form = {"csrfmiddlewaretoken": token[1], "login": USERNAME, "password": PASSWORD}
        assert http.post("/accounts/login/", data=form).status_code == 302
        yield http
