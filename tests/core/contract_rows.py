"""The rows of R8 to R12: how a request is answered. See contract.py for the table that they are judged by."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.core.contract import (
    BUILDKIT,
    CONTAINERD,
    CRANE,
    DIGEST,
    DOCKER,
    DOCKERD,
    PODMAN,
    REGCTL,
    Challenged,
    Outcome,
    PingOk,
    RedirectsTo,
    RedirectsToEither,
    Relayed,
    Resolved,
    Row,
)
from tests.core.contract_targets import BLOB, CONTENT, FOUND, GHCR, HUB, LISTS, MANIFEST, MCR, QUAY, TARGET_ROWS, row

# Who is redirected where a token is asked for, and nobody's own is needed.
FOLLOWING = (
    *("docker/25.0.3 go/go1.21", "Docker/20.10", "DOCKER", " docker/27", "docker/nightly", DOCKERD, "x/1 docker/25"),
    *("containerd/v2.0.0", "containerd/1.6.20~ds1", "containerd/2.1.9", "buildkit/v0.12", "buildkit/v0.11-dev"),
    *("buildx/0.17", "regclient/regctl (v0.7)", "regclient", "regclient/regsync", CRANE, "Mozilla/5.0 (x) buildkit/1"),
    *(
        "go-containerregistry/v0.21.8",
        "cosign/v3.0 (linux; amd64) go-containerregistry/v0.22.1",
        "ko/1 go-containerregistry/1",
    ),
)
NOT_FOLLOWING = (
    *(
        "",
        PODMAN,
        "skopeo/1.9.3",
        "Buildah/1.28",
        "cri-o/1.30",
        "Helm/3.17",
        "Go-http-client/1.1",
        "oras/1.2",
        "curl/8.5",
    ),
    *(
        "crane/0.20 go-containerregistry/0.20",
        "crane/v0.21.7 go-containerregistry/v0.21.7",
        "go-containerregistry/(devel)",
    ),
    *(
        "go-containerregistry",
        "go-containerregistry/0.21",
        "kaniko/1 go-containerregistry/v0.21.8-0.20260102030405-abcdef",
    ),
    *(
        "Docker-Client/28.4.0 (linux)",
        "docker-compose/2",
        "dockerd/1",
        "(docker/28)",
        "x/1 (docker/28 (containerd/2) y)",
    ),
    *(
        "containerd-shim/2",
        "x/1 (containerd/2.1.9",
        r"x/1 (a\) containerd/2)",
        "mycontainerd/2",
        "\xff\xfe",
        "/25",
        "x" * 5000,
    ),
    "x" * 5000 + " docker/28",
)


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
    for agent in (*FOLLOWING, *(rf"docker/{number} UpstreamClient(x \(y\))" for number in (20, 29))):
        yield row("R10.1", MANIFEST, FOUND, agent=agent)
    for agent in NOT_FOLLOWING:
        yield row("R10.3", MANIFEST, asked, agent=agent)
    limited = ("containerd<=2.1:credentials", "podman>=5:anonymous", "buildkit:nothing", "nerdctl:anonymous")
    for agent in ("containerd/2.1.9", "containerd/v2.0", "x/1 podman/5", "podman/6.1", "nerdctl", DOCKER, DOCKERD):
        yield row("R10.2", MANIFEST, FOUND, agent=agent, clients=limited)
    for agent in ("containerd/2.2.0", "containerd", "containerd/unknown", "podman/4.9.9", "podman", BUILDKIT, PODMAN):
        yield row("R10.2", MANIFEST, asked, agent=agent, clients=limited)
    yield from _inline_rows()


def _inline_rows() -> Iterator[Row]:
    """Who is sent to a registry that serves a blob itself, once there is a token for the facade."""
    anybody = {
        "acme/web": f"{GHCR}/acme/web",
        "tools/x": f"{GHCR}/acme-tools/public/x",
        "new/x": "https://new.example/v2/new/x",
    }
    nobody = {"secret/x": f"{GHCR}/secret/x", "basic/x": "https://basic.example:5000/v2/basic/x"}
    for agent in (DOCKERD, BUILDKIT, "buildx/0.17", REGCTL, CRANE):
        for name, url in anybody.items():
            yield row("R10.4", f"/v2/{name}/{BLOB}", Resolved(f"{url}/{BLOB}", follows=True), agent=agent, token=True)
        for name, url in nobody.items():
            yield row("R10.4", f"/v2/{name}/{BLOB}", Resolved(f"{url}/{BLOB}", follows=False), agent=agent, token=True)
    for name, url in (anybody | nobody).items():
        for agent in (CONTAINERD, "containerd/1.6.20~ds1"):
            yield row("R10.5", f"/v2/{name}/{BLOB}", Resolved(f"{url}/{BLOB}", follows=True), agent=agent, token=True)
        for agent in (DOCKER, PODMAN, *NOT_FOLLOWING):
            line = "R10.6" if agent == DOCKER else "R10.3"
            yield row(line, f"/v2/{name}/{BLOB}", Resolved(f"{url}/{BLOB}", follows=False), agent=agent, token=True)


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
        for agent in (PODMAN, "containerd/2.0", CRANE, BUILDKIT, ""):
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


BY_DIGEST = (f"manifests/{DIGEST}", BLOB)


def repointed_rows() -> Iterator[Row]:
    """Who may be led to a former target: those who ask for content by its digest."""
    for method in ("GET", "HEAD"):
        for tail in BY_DIGEST:
            sent: dict[str, Any] = {"method": method}
            yield from _repointed(tail, sent)
    plain = RedirectsTo(f"{GHCR}/new/web/manifests/1")
    yield row("R20.1", "/v2/moved-plain/web/manifests/1", plain, agent=PODMAN, host="moved.acme.com")
    yield row("R20.1", f"/v2/moved/web/{BLOB}", Challenged("repository:moved/web:pull"), agent=PODMAN)
    for tail in LISTS:
        yield row("R20.1", f"/v2/moved-open/sdk/{tail}", Relayed(f"{MCR}/new/sdk/{tail}"))
    for name in ("moved-far", "moved-long", "moved-odd"):
        # Its registry is not in the table, or the name would be too long, or nobody can read it.
        yield row("R20.2", f"/v2/{name}/sdk/{BLOB}", RedirectsTo(f"{MCR}/new/sdk/{BLOB}"), host="moved.acme.com")


def _repointed(tail: str, sent: dict[str, Any]) -> Iterator[Row]:
    asking = Resolved if tail == BLOB else Relayed
    here, moved = RedirectsTo(f"{GHCR}/moved/web/{tail}"), f"/v2/moved/web/{tail}"
    # At the former one it has another name, so that it was relayed there, for who has a token and who has none.
    there: Any = asking(f"{QUAY}/old/web/{tail}")
    follows: dict[str, Any] = {} if tail != BLOB else {"follows": False}
    sent_there = there._replace(follows=True) if tail == BLOB else there
    yield row("R20.1 R20.2", moved, RedirectsToEither(here.location, sent_there), agent=CONTAINERD, **sent)
    relayed: Any = asking(f"{GHCR}/moved/web/{tail}", former=there._replace(**follows))
    yield row("R20.1 R20.2", moved, relayed._replace(**follows), agent=PODMAN, token=True, **sent)
    opened = RedirectsToEither(f"{MCR}/new/sdk/{tail}", asking(f"{GHCR}/old/sdk/{tail}")._replace(**follows))
    for token in (False, True):
        yield row("R20.2", f"/v2/moved-open/sdk/{tail}", opened, agent=PODMAN, token=token, **sent)
    plain = RedirectsToEither(
        f"{GHCR}/new/web/{tail}", RedirectsTo(f"https://basic.example:5000/v2/moved-plain/web/{tail}")
    )
    yield row("R20.2", f"/v2/moved-plain/web/{tail}", plain, agent=PODMAN, host="moved.acme.com", **sent)
    secret = RedirectsToEither(f"{MCR}/new/a/{tail}", asking(f"{GHCR}/moved-secret/a/{tail}")._replace(**follows))
    yield row("R20.2", f"/v2/moved-secret/a/{tail}", secret, agent=PODMAN, host="moved.acme.com", **sent)


def stepped_rows() -> Iterator[Row]:
    """Which repositories a step takes, and how those are answered."""
    at: dict[str, Any] = {"host": "steps.acme.com"}
    for tail in ("manifests/1", f"manifests/{DIGEST}", BLOB):
        for method in ("GET", "HEAD"):
            for name in ("part/a", "part/b"):
                here = RedirectsTo(f"{GHCR}/{name}/{tail}")
                yield row("R22.1", f"/v2/{name}/{tail}", here, agent=CONTAINERD, method=method, **at)
            yield row(
                "R22.2", f"/v2/late/x/{tail}", RedirectsTo(f"{MCR}/new/x/{tail}"), agent=PODMAN, method=method, **at
            )
            for name, line in (("far/x", "R22.4"), ("odd/x", "R22.4"), ("push/x", "R22.4")):
                here = RedirectsTo(f"{GHCR}/{name}/{tail}")
                yield row(line, f"/v2/{name}/{tail}", here, agent=CONTAINERD, method=method, **at)
            secret = Challenged("repository:secret/x:pull")
            yield row("R22.4", f"/v2/secret/x/{tail}", secret, agent=CONTAINERD, method=method, **at)
    for name in ("app", "web"):
        there = RedirectsTo(f"{MCR}/new/{name}/manifests/1")
        yield row("R22.1 R22.2", f"/v2/part/{name}/manifests/1", there, agent=PODMAN, **at)
        for tail in BY_DIGEST:
            others: Any = (Resolved if tail == BLOB else Relayed)(f"{GHCR}/part/{name}/{tail}")
            others = others._replace(follows=False) if tail == BLOB else others
            either = RedirectsToEither(f"{MCR}/new/{name}/{tail}", others)
            yield row("R22.1 R22.2", f"/v2/part/{name}/{tail}", either, agent=PODMAN, **at)
    # docker's ping ends at its one registry that asks for something; with another one beside it, here.
    yield row("R22.3", "/v2/", RedirectsTo(f"{GHCR}/"), agent=DOCKER, host="one-step.acme.com")
    yield row("R22.3", "/v2/", Challenged(""), agent=DOCKER, host="two-steps.acme.com")


ROWS: tuple[Row, ...] = (
    *TARGET_ROWS,
    *strategy_rows(),
    *read_rows(),
    *client_rows(),
    *ping_rows(),
    *challenge_rows(),
    *repointed_rows(),
    *stepped_rows(),
)
