"""Which names may have a certificate, as far as the table says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from routing.core.certificates import CertificateSubject, certificate_subject
from routing.core.grammar.user_agents import Clients
from routing.core.table.policy import Policy
from routing.core.table.routing_table import Change, HostEntry, Table, TenantEntry

CONTROL = frozenset({"facade.acme.com", "localhost", "127.0.0.1", "[::1]", "203.0.113.7"})
TABLE = Table.build(
    Policy(CONTROL, Clients(())),
    1,
    tenants=[("1", TenantEntry("Acme")), ("2", TenantEntry("Globex", refusal="ask us"))],
    registries=[],
    hosts=[
        ("docker.acme.com", HostEntry("1")),
        ("off.acme.com", HostEntry("1", enabled=False)),
        ("suspended.acme.com", HostEntry("1", refusal="abuse")),
        ("*.pull.acme.com", HostEntry("1")),
        ("off.pull.acme.com", HostEntry("1", enabled=False)),
        ("*.suspended.com", HostEntry("1", refusal="abuse")),
        ("docker.globex.com", HostEntry("2")),
        ("nobodys.acme.com", HostEntry("3")),
        ("192.0.2.7", HostEntry("1")),
        ("docker.localhost", HostEntry("1")),
        ("xn--bcher-kva.example", HostEntry("1")),
    ],
    mappings=[],
)


@pytest.mark.parametrize(
    ("name", "tenant", "hostname"),
    [
        ("facade.acme.com", "", "facade.acme.com"),
        ("docker.acme.com", "1", "docker.acme.com"),
        ("a.pull.acme.com", "1", "*.pull.acme.com"),
        ("xn--bcher-kva.example", "1", "xn--bcher-kva.example"),
    ],
)
def test_control_hosts_and_hostnames_that_are_served(name: str, tenant: str, hostname: str) -> None:
    assert certificate_subject(TABLE, name) == CertificateSubject(name, tenant, hostname)


def test_no_name_that_a_plain_container_was_not_told_of() -> None:
    catch_all = replace(TABLE, policy=Policy(CONTROL, Clients(()), catch_all="docker.acme.com"))

    assert catch_all.match_host("unknown.example")[1] is not None
    assert certificate_subject(catch_all, "unknown.example") is None
    assert certificate_subject(catch_all, "docker.acme.com") == CertificateSubject(
        "docker.acme.com", "1", "docker.acme.com"
    )


@pytest.mark.parametrize(
    "name",
    [
        *("", ".", "unknown.example", "acme.com", "docker.acme.com.evil.example"),
        *("off.acme.com", "suspended.acme.com", "docker.globex.com", "nobodys.acme.com", "a.suspended.com"),
        # A wildcard stands for one label, and not for itself; a name that is there goes before it.
        *("pull.acme.com", "a.b.pull.acme.com", "*.pull.acme.com", "off.pull.acme.com"),
        # Nobody vouches for those.
        *("localhost", "127.0.0.1", "[::1]", "203.0.113.7", "192.0.2.7", "docker.localhost"),
        # No certificate is asked for in such a form.
        *("Docker.acme.com", "docker.acme.com.", "docker.acme.com:443", " docker.acme.com", "bücher.example"),
        *("docker.acme.com\n", "docker_acme.com", "a" * 300, "a." * 200 + "com", "docker.acme.com/x", "\0"),
    ],
)
def test_nobody_else(name: str) -> None:
    assert certificate_subject(TABLE, name) is None


@pytest.mark.parametrize(
    ("kind", "key", "entry"),
    [
        ("hostname", "docker.acme.com", None),
        ("hostname", "docker.acme.com", {"tenant": "1", "enabled": False}),
        ("hostname", "docker.acme.com", {"tenant": "1", "refusal": "abuse"}),
        ("tenant", "1", {"name": "Acme", "refusal": "unpaid"}),
    ],
)
def test_what_is_removed_withdrawn_or_suspended_gets_none_from_then_on(
    kind: str, key: str, entry: dict[str, object] | None
) -> None:
    assert certificate_subject(TABLE.apply([Change(2, kind, key, entry)]), "docker.acme.com") is None


def test_a_name_that_others_could_think_of_is_known_as_such() -> None:
    subjects = [certificate_subject(TABLE, name) for name in ("facade.acme.com", "docker.acme.com", "a.pull.acme.com")]

    assert [subject and subject.is_below_wildcard for subject in subjects] == [False, False, True]
