"""suspend and unsuspend, for tenants and hostnames."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from django.core.management import CommandError, call_command

from routing.core.table.routing_table import Table
from routing.models import Generation
from tests.conftest import Person


def run(*words: str) -> str:
    printed = io.StringIO()
    call_command(*words, stdout=printed)
    return printed.getvalue()


@pytest.mark.parametrize(
    ("what", "name"),
    [(("--tenant", "acme"), "tenant acme"), (("--hostname", "Docker.ACME.com"), "hostname docker.acme.com")],
)
def test_suspend_and_lift(owner: Person, table: Callable[[], Table], what: tuple[str, str], name: str) -> None:
    def refusals() -> set[str]:
        now = table()
        host, tenant = now.hosts.get("docker.acme.com"), now.tenants.get(str(owner.tenant.pk))
        assert host is not None
        assert tenant is not None
        return {host.refusal, tenant.refusal} - {""}

    assert run("suspend", *what, "--message", "unpaid", "--reason", "invoice 9") == f"Suspended {name}\n"
    assert refusals() == {"unpaid"}
    row = owner.tenant if what[0] == "--tenant" else owner.hostname
    assert row.history.latest().history_change_reason == "invoice 9"

    before = Generation.objects.get().value
    again = run("suspend", *what, "--message", "unpaid")
    assert again == f"{name.partition(' ')[2]} is suspended already.\n"
    assert Generation.objects.get().value == before

    assert run("unsuspend", *what) == f"Unsuspended {name}\n"
    assert refusals() == set()
    assert run("lift", *what) == f"{name.partition(' ')[2]} is not suspended.\n"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--tenant", "nobody"], "there is no tenant nobody"),
        (["--hostname", "nobodys.example.com"], "there is no hostname nobodys.example.com"),
        (["--tenant", "acme", "--message", "x" * 301], "301"),
        (["--tenant", "acme", "--hostname", "docker.acme.com"], "not allowed with"),
        ([], "required"),
    ],
)
def test_what_can_not_be_suspended(owner: Person, words: list[str], says: str) -> None:
    with pytest.raises(CommandError, match=says):
        run("suspend", *words)
