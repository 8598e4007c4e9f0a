"""The rows of R8 to R12: how a request is answered. See contract.py for the table that they are judged by."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.core.contract import (
    DOCKER,
    PODMAN,
    Challenged,
    Outcome,
    PingOk,
    RedirectsTo,
    Relayed,
    Resolved,
    Row,
)
from tests.core.contract_targets import BLOB, CONTENT, FOUND, GHCR, HUB, LISTS, MANIFEST, MCR, QUAY, TARGET_ROWS, row


def strategy_rows() -> Iterator[Row]:
    yield row("R8.1", f"/v2/dotnet/sdk/{BLOB}", RedirectsTo(f"{MCR}/dotnet/sdk/{BLOB}"), agent=PODMAN)
    yield row("R8.1", f"/v2/net/sdk/{BLOB}", RedirectsTo(f"{MCR}/dotnet/sdk/{BLOB}"), agent=PODMAN)
    yield row("R8.2", "/v2/acme/web/manifests/1", RedirectsTo(f"{GHCR}/acme/web/manifests/1"))
    yield row("R8.2", "/v2/new/web/manifests/1", RedirectsTo("https://new.example/v2/new/web/manifests/1"))
    yield row("R8.2", "/v2/new/web/manifests/1", Challenged("repository:new/web:pull"), agent=PODMAN)
    for name in ("secret/web", "tools/web", "basic/web"):
        yield row("R8.3", f"/v2/{name}/manifests/1", Challenged(f"repository:{name}:pull"))
    yield row("R8.4", "/v2/plain/web/manifests/1", RedirectsTo(f"{GHCR}/plain/web/manifests/1"), agent=PODMAN)
    plain_basic = RedirectsTo("https://basic.example:5000/v2/other/name/web/manifests/1")
    zot = "https://zot.example/v2/zot"
    for agent in (DOCKER, PODMAN):
        yield row("R8.1", f"/v2/zot/app/{BLOB}", RedirectsTo(f"{zot}/app/{BLOB}"), agent=agent)
        yield row("R8.4", "/v2/zot/plain/a/manifests/1", RedirectsTo(f"{zot}/plain/a/manifests/1"), agent=agent)
        for area in ("secret", "basic"):
            asked = Challenged(f"repository:zot/{area}/a:pull")
            yield row("R8.5 R9.6", f"/v2/zot/{area}/a/manifests/1", asked, agent=agent)
            relayed = Relayed(f"{zot}/{area}/a/manifests/1")
            yield row("R8.5 R9.7", f"/v2/zot/{area}/a/manifests/1", relayed, agent=agent, token=True)
        yield row("R8.5 R11.4", "/v2/", Challenged(), host="zot.acme.com", agent=agent)
    yield row("R8.4 R9.1", "/v2/plain-basic/web/manifests/1", plain_basic, agent=PODMAN)


def read_rows() -> Iterator[Row]:
    for method in ("GET", "HEAD"):
        for tail in (*CONTENT, *LISTS):
            for agent, token in ((DOCKER, False), (PODMAN, False), (PODMAN, True)):
                sent: dict[str, Any] = {"method": method, "agent": agent, "token": token}
                yield from _reads(tail, sent)


def _reads(tail: str, sent: dict[str, Any]) -> Iterator[Row]:
    direct = sent["agent"] == DOCKER
    asking = Resolved if tail == BLOB else Relayed
    yield row("R9.1", f"/v2/plain/web/{tail}", RedirectsTo(f"{GHCR}/plain/web/{tail}"), **sent)
    opened: Outcome = Relayed(f"{MCR}/dotnet/sdk/{tail}") if tail in LISTS else RedirectsTo(f"{MCR}/dotnet/sdk/{tail}")
    yield row("R9.2", f"/v2/dotnet/sdk/{tail}", opened, **sent)
    split = f"/v2/acme/web/{tail}"
    broker = f"/v2/secret/web/{tail}"
    if sent["token"]:
        yield row("R9.5", split, asking(f"{GHCR}/acme/web/{tail}"), **sent)
        yield row("R9.7", broker, asking(f"{GHCR}/secret/web/{tail}"), **sent)
    else:
        asked = Challenged("repository:acme/web:pull")
        yield (
            row("R9.3", split, RedirectsTo(f"{GHCR}/acme/web/{tail}"), **sent)
            if direct
            else row("R9.4", split, asked, **sent)
        )
        yield row("R9.6", broker, Challenged("repository:secret/web:pull"), **sent)


def client_rows() -> Iterator[Row]:
    asked = Challenged("repository:acme/web:pull")
    for agent in (
        *("docker/25.0.3 go/go1.21", "containerd/v2.0.0", "containerd/1.6.20~ds1", "buildkit/v0.12", "buildx/0.17"),
        *("regclient/regctl (v0.7)", "regclient", "Docker/20.10", "DOCKER", " docker/27", "docker/nightly"),
    ):
        yield row("R10.1", MANIFEST, FOUND, agent=agent)
    limited = ("containerd<=2.1", "podman")
    for agent in ("containerd/2.1.9", "containerd/v2.0", "containerd/1.7.2", "podman/5"):
        yield row("R10.2", MANIFEST, FOUND, agent=agent, clients=limited)
    for agent in ("containerd/2.2.0", "containerd/3", "containerd", "containerd/unknown", DOCKER):
        yield row("R10.2", MANIFEST, asked, agent=agent, clients=limited)
    for agent in (
        *(
            "",
            PODMAN,
            "skopeo/1.9.3",
            "Buildah/1.28",
            "cri-o/1.30",
            "crane/0.20 go-containerregistry/0.20",
            "Helm/3.17",
        ),
        *(
            "Go-http-client/1.1",
            "oras/1.2",
            "curl/8.5",
            "Mozilla/5.0 docker/25",
            "docker-compose/2",
            "dockerd/1",
            "(docker)",
        ),
        *("\xff\xfe", "/25", "x" * 5000),
    ):
        yield row("R10.3", MANIFEST, asked, agent=agent)


def ping_rows() -> Iterator[Row]:
    everyone = ((DOCKER, False), (PODMAN, False), (PODMAN, True))
    for method in ("GET", "HEAD"):
        for agent, token in everyone:
            sent: dict[str, Any] = {"method": method, "agent": agent, "token": token}
            for host in ("open.acme.com", "empty.acme.com", "only-off.acme.com"):
                yield row("R11.1", "/v2/", PingOk(), host=host, **sent)
            yield row("R11.2", "/v2/", RedirectsTo(f"{GHCR}/"), host="shell.acme.com", **sent)
            yield row("R11.2", "/v2/", RedirectsTo(f"{QUAY}/"), host="logins.acme.com", **sent)
            yield row("R11.2", "/v2/", PingOk(), host="shells.acme.com", **sent)
    for host in ("split.acme.com", "mixed.acme.com"):
        yield row("R11.3", "/v2/", RedirectsTo(f"{GHCR}/"), host=host)
        for agent in (PODMAN, "containerd/2.0", ""):
            yield row("R11.3 R11.4 R12.3", "/v2/", Challenged(), host=host, agent=agent)
    for host in ("renamed.acme.com", "private.acme.com", "brokered.acme.com", "two.acme.com", "hub.acme.com"):
        for agent in (DOCKER, PODMAN):
            yield row("R11.4 R12.3", "/v2/", Challenged(), host=host, agent=agent)
    for host in ("split.acme.com", "renamed.acme.com", "private.acme.com", "mixed.acme.com"):
        yield row("R11.5", "/v2/", Relayed(f"{GHCR}/"), host=host, agent=PODMAN, token=True)
    yield row("R11.5", "/v2/", Relayed("https://basic.example:5000/v2/"), host="brokered.acme.com", token=True)
    yield row("R11.5", "/v2/", Relayed(f"{HUB}/"), host="hub.acme.com", token=True)
    for agent in (DOCKER, PODMAN):
        yield row("R11.6", "/v2/", PingOk(), host="two.acme.com", agent=agent, token=True)


def challenge_rows() -> Iterator[Row]:
    asked = Challenged("repository:tools/deep/x:pull")
    yield row("R12.1", "/v2/tools/deep/x/manifests/1", asked)
    yield row("R12.1", "/v2/tools/deep/x/manifests/1", asked, method="HEAD", host="DOCKER.acme.com:8443")


ROWS: tuple[Row, ...] = (
    *TARGET_ROWS,
    *strategy_rows(),
    *read_rows(),
    *client_rows(),
    *ping_rows(),
    *challenge_rows(),
)
