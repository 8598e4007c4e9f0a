"""No secret in a log or a report, whichever path it stands in, and whoever writes the line."""

import io
import json
import logging
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.http import HttpRequest
from django.test import RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils.log import AdminEmailHandler
from pytest_django import Settings

from facade_site.log_formats import LOG_FORMATS
from facade_site.redaction import HIDDEN, redact
from routing.core.table.routing_table import Table
from routing.services.base.actor import Actor
from routing.services.people.api_tokens import create_api_token
from routing.services.people.members import invite
from tests.accounts.signing_in import Browser
from tests.conftest import Person

TOKEN = "Zm9v-YmFy_MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NQ"
#: Parameters of URL patterns that are secrets, with what else the pattern takes.
SECRET_PARAMETERS = {"token", "key", "uidb36"}


def secret_paths(patterns: list[URLPattern | URLResolver], prefix: str = "") -> Iterator[str]:
    """Every address that holds a secret, with TOKEN as that."""
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from secret_paths(pattern.url_patterns, route)
        elif pattern.name and SECRET_PARAMETERS & set(re.findall(r"<(?:\w+:)?(\w+)>", str(pattern.pattern))):
            names = set(re.findall(r"<(?:\w+:)?(\w+)>", str(pattern.pattern)))
            kwargs = {name: "1" if name in ("uidb36", "self_test_id") else TOKEN for name in names}
            yield reverse(pattern.name, kwargs=kwargs)


PATHS = sorted(set(secret_paths(get_resolver().url_patterns)))


@pytest.fixture
def written() -> Iterator[Callable[[], str]]:
    """What both log formats have written so far."""
    streams = []
    for formatter in LOG_FORMATS.values():
        handler = logging.StreamHandler(io.StringIO())
        handler.setFormatter(formatter())
        logging.getLogger().addHandler(handler)
        streams.append(handler)
    yield lambda: "".join(handler.stream.getvalue() for handler in streams)
    for handler in streams:
        logging.getLogger().removeHandler(handler)


@pytest.fixture
def served(db: None, table: Callable[[], Table]) -> None:
    table()


def test_the_walk_finds_the_links() -> None:
    found = {path.removeprefix("/accounts").split("/")[1] for path in PATHS}
    assert found == {"invitation", "password", "confirm-email", "self-tests"}


@pytest.mark.usefixtures("served")
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["get", "head", "post", "put", "delete", "patch", "options"])
def test_a_path_with_a_secret_is_logged_without_it(
    path: str,
    method: str,
    written: Callable[[], str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    for asked in (
        path,
        path.rstrip("/"),
        path.replace("/", "//")[1:],
        f"{path}more",
        path.upper().replace(TOKEN.upper(), TOKEN),
    ):
        getattr(Browser(raise_request_exception=False), method)(asked)
    logging.getLogger("django.request").warning("Not Found: %s", path)

    assert HIDDEN in caplog.text
    assert TOKEN not in caplog.text
    assert TOKEN not in written()


@pytest.mark.usefixtures("served")
def test_a_link_that_is_still_good_is_not_told_by_any_method(
    owner: Person, written: Callable[[], str], caplog: pytest.LogCaptureFixture
) -> None:
    token = invite(owner.actor, tenant_id=owner.tenant.pk, email="dora@example.com", role="viewer").token
    for method in ("head", "put", "post", "patch", "delete"):
        getattr(Browser(), method)(f"/accounts/invitation/{token}/")

    assert "Method Not Allowed" in caplog.text
    assert token not in caplog.text + written()
    assert Browser().get(f"/accounts/invitation/{token}/").status_code == 302


LINES = [
    f'127.0.0.1:1234 - "HEAD /accounts/invitation/{TOKEN}/ HTTP/1.1" 405',
    f'"GET /static/x.css" "http://localhost/accounts/confirm-email/{TOKEN}/"',
    f"/accounts/login/?next=%2Faccounts%2Finvitation%2F{TOKEN}%2F",
    f"/accounts/oidc/sso/login/callback/?code={TOKEN}&state=x",
    f"/accounts/oidc/sso/login/callback/?state={TOKEN}",
    f"https://login.acme.com/?a=b&id_token={TOKEN}#x",
    f"{{'Authorization': 'Bearer {TOKEN}'}}",
    f"authorization: Basic {TOKEN}",
    f"(b'authorization', b'Bearer {TOKEN}')",
    json.dumps(json.dumps({"Authorization": f"Bearer {TOKEN}"})),
    f"tried facade_{TOKEN[:43]}",
    f'"GET /self-tests/17/{TOKEN} HTTP/1.1" 200',
    f"next=%2Fself-tests%2F17%2F{TOKEN}",
]


@pytest.mark.parametrize("line", LINES)
def test_lines_that_hold_one(line: str) -> None:
    assert TOKEN[:43] not in redact(line)


@pytest.mark.parametrize(
    "line",
    [
        "GET /accounts/invitation/ HTTP/1.1",
        "mapping.repointed actor=alice mapping_id=17",
        "facade_table_confirmed_timestamp_seconds",
        "Basic registries get a Bearer challenge",
        "GET /v2/acme/app/tags/list?n=5&last=key",
        "PUT /api/v1/self-tests/17/link HTTP/1.1",
        "GET /admin/routing/hostname/1/self-tests/?report=5",
    ],
)
def test_lines_that_hold_none(line: str) -> None:
    assert redact(line) == line


@pytest.mark.django_db
def test_an_api_token_is_hidden_to_its_last_character(owner: Person) -> None:
    secret = create_api_token(owner.actor, user=owner.user, name="deploy").secret

    assert redact(f"tried {secret} twice") == f"tried facade_{HIDDEN} twice"


def test_a_traceback_is_written_without_it(written: Callable[[], str]) -> None:
    try:
        raise ValueError(f"no such page: /accounts/invitation/{TOKEN}/")
    except ValueError:
        logging.getLogger("django.request").exception(
            "Internal Server Error: /accounts/password/reset/key/1-%s/", TOKEN
        )

    assert "ValueError" in written()
    assert TOKEN not in written()


def test_a_mail_about_an_error_is_sent_without_it(settings: Settings) -> None:
    settings.ADMINS = [("Olga", "olga@example.com")]
    request = RequestFactory().get(
        f"/accounts/invitation/{TOKEN}/",
        {"code": TOKEN},
        headers={"referer": f"http://x/accounts/confirm-email/{TOKEN}/"},
    )
    handler = AdminEmailHandler(include_html=True)
    try:
        _fails(request, token=TOKEN)
    except ValueError as error:
        facts = {
            "exc_info": (type(error), error, error.__traceback__),
            "extra": {"request": request, "status_code": 500},
        }
    logger = logging.Logger("django.request")
    logger.addHandler(handler)
    logger.error("Internal Server Error: %s", request.path, **facts)  # type: ignore[arg-type]

    [sent] = mail.outbox
    assert isinstance(sent, mail.EmailMultiAlternatives)
    text = f"{sent.subject} {sent.body} {sent.alternatives}"
    assert "ValueError" in text
    assert [text[found.start() - 60 : found.end()] for found in re.finditer(TOKEN, text)] == []


def _fails(request: HttpRequest, token: str) -> Any:
    raise ValueError("something broke")


@pytest.mark.usefixtures("served")
def test_an_api_token_is_never_told(
    owner: Person, written: Callable[[], str], caplog: pytest.LogCaptureFixture
) -> None:
    secret = create_api_token(Actor.command_line(), user=User.objects.get(username="alice"), name="t").secret

    Browser().get(f"/api/v1/{secret}", headers={"authorization": f"Bearer {secret}"})

    assert secret not in caplog.text + written()
