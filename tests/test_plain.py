"""The variables of a plain container: what they may say, what goes with them alone, and what the log tells."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from facade_site import plain
from routing import conf

ROOT = Path(__file__).resolve().parent.parent
ACME = {"REGISTRY_HOST": "docker.io", "REGISTRY_ORG": "acme"}


def read(monkeypatch: pytest.MonkeyPatch, **variables: str) -> dict[str, object]:
    """What the settings are with these variables, as a process that starts reads them."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return runpy.run_path(str(ROOT / "facade_site" / "variables.py"))


@pytest.mark.parametrize(
    "host", ["docker.io", "ghcr.io:443", "https://quay.io", "http://registry.lan:5000", "[::1]:5000"]
)
def test_a_registry_is_a_host(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    assert read(monkeypatch, **ACME | {"REGISTRY_HOST": host})["REGISTRY_HOST"] == host


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("REGISTRY_HOST", text) for text in ("docker.io/acme", "ftp://docker.io", "a b", "docker.io:x", "https://")),
        *(("REGISTRY_ORG", text) for text in ("Acme", "acme/", "/acme", "acme:1", "a b", "acme/*")),
        *(("FACADE_HOSTNAME", text) for text in ("https://docker.acme.com", "docker.acme.com:443", "docker acme")),
    ],
)
def test_what_can_not_be_read_is_told_by_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    with pytest.raises(
        ImproperlyConfigured, match=rf"^{name}=.* can't be read: expected is an? .*, such as \S+ \(.+\)$"
    ):
        read(monkeypatch, **ACME | {name: value})


@pytest.mark.parametrize("organisation", ["acme", "acme/team", "my-org", "a__b"])
def test_an_organisation_is_the_beginning_of_a_repositorys_name(
    monkeypatch: pytest.MonkeyPatch, organisation: str
) -> None:
    assert read(monkeypatch, **ACME | {"REGISTRY_ORG": organisation})["REGISTRY_ORG"] == organisation


@pytest.mark.parametrize(
    ("name", "value"),
    [("REGISTRY_ORG", "acme"), ("FACADE_HOSTNAME", "docker.acme.com"), ("FACADE_TRUSTED_PROXIES", "10.0.0.1, Private")],
)
def test_what_there_is_in_a_plain_container_alone(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=rf"^{name}.* goes with REGISTRY_HOST, which is not set"):
        read(monkeypatch, **{name: value})

    assert read(monkeypatch, **ACME | {name: value})["REGISTRY_HOST"] == "docker.io"


def test_certificates_are_for_a_name_that_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    given = ACME | {"FACADE_TLS_CERTIFICATES": "/etc/letsencrypt/live"}
    with pytest.raises(ImproperlyConfigured, match=r"^FACADE_TLS_CERTIFICATES goes with FACADE_HOSTNAME"):
        read(monkeypatch, **given)

    assert read(monkeypatch, **given, FACADE_HOSTNAME="docker.acme.com")["FACADE_HOSTNAME"] == "docker.acme.com"


@pytest.mark.parametrize(
    ("registry", "hostname", "catch_all"),
    [("", "", ""), ("docker.io", "", "localhost"), ("docker.io", "docker.acme.com", "")],
)
def test_every_name_is_answered_where_none_was_said_in_a_plain_container(
    settings: Settings, registry: str, hostname: str, catch_all: str
) -> None:
    settings.REGISTRY_HOST, settings.FACADE_HOSTNAME = registry, hostname

    assert conf.policy().catch_all == catch_all


def told(**changes: object) -> str:
    given: dict[str, object] = {
        "registry": "docker.io",
        "organisation": "acme",
        "hostname": "",
        "proxies": [],
        "control_hosts": ["localhost", "facade.acme.com"],
        "state": "/srv/facade/var",
        "environ": {},
    }
    return "\n".join(plain.told(**given | changes))  # type: ignore[arg-type]


def test_the_log_says_what_is_served_where_and_where_the_admin_is() -> None:
    lines = told()

    assert "Serving acme/… at docker.io on every name that leads here." in lines
    assert "The admin answers on localhost, facade.acme.com and nowhere else." in lines
    assert "/srv/facade/var: without a volume there it goes" in lines
    assert "proxy" not in lines
    assert "not read" not in lines


def test_the_log_says_which_name_it_is() -> None:
    assert "Serving all of ghcr.io on docker.acme.com." in told(
        registry="ghcr.io", organisation="", hostname="docker.acme.com"
    )


def test_the_log_says_who_is_believed() -> None:
    assert "Every private address is taken for a proxy" in told(proxies=["private"])


@pytest.mark.parametrize(("name", "instead"), [("ADDRESS", "PORT"), ("CACHE_TIMEOUT", "FACADE_REDIRECT_MAX_AGE")])
def test_the_log_says_what_the_former_container_read(name: str, instead: str) -> None:
    lines = told(environ={name: "1"})

    assert f"{name} is not read: " in lines
    assert instead in lines


def test_any_other_server_says_nothing_of_it() -> None:
    assert told(registry="", proxies=["private"], environ={"ADDRESS": "1"}) == ""
