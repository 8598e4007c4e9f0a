"""The edge is made to get a certificate of a hostname as soon as it is served and leads here, and of nothing else."""

from __future__ import annotations

import logging
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from pytest_django import Settings

from routing.models import Hostname, Job
from routing.services.base.actor import Actor
from routing.services.hostnames import certificates
from routing.services.hostnames.certificates import FETCH_CERTIFICATE
from routing.services.hostnames.claims import check_claim, claim_hostname, vouch_hostname
from routing.services.hostnames.hostnames import add_hostname, update_hostname
from routing.services.hostnames.proof_checks import check_hostname
from tests.conftest import Person
from tests.dns.name_server import NameServer, at
from tests.jobs_done import do_jobs
from tests.registries.certificates import Authority
from tests.services.claims.steps import Prove

HERE, ELSEWHERE = "127.0.0.1", "127.0.0.2"
NAME = "pull.acme.com"


class TlsEdge:
    """Ends TLS on loopback for any name, and keeps for which it was asked; the first `refusals` times it refuses."""

    def __init__(self, folder: Path, address: str, port: int = 0) -> None:
        self.names: list[str] = []
        self.refusals = 0
        self._context = Authority(folder).server_context(NAME)
        self._context.sni_callback = self._choose
        self._listening = socket.create_server((address, port))
        self.port: int = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def stop(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()

    def _choose(self, _: ssl.SSLObject, name: str | None, __: ssl.SSLContext) -> int | None:
        self.names.append(name or "")
        return ssl.ALERT_DESCRIPTION_INTERNAL_ERROR if len(self.names) <= self.refusals else None

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            with connection, suppress(OSError), self._context.wrap_socket(connection, server_side=True) as tls:
                tls.recv(1)


@pytest.fixture
def edge(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[TlsEdge]:
    """This facade's edge, which asks its gate."""
    running = TlsEdge(tmp_path, HERE)
    settings.FACADE_ADDRESSES = [HERE]
    settings.FACADE_GATE_BIND = "127.0.0.1:8001"
    settings.FACADE_PUBLIC_PORT = running.port
    monkeypatch.setattr(certificates, "_PAUSES_SECONDS", (0.0, 0.0, 0.0))
    yield running
    running.stop()


@pytest.fixture
def other(edge: TlsEdge, tmp_path: Path) -> Iterator[TlsEdge]:
    """Somebody else's server, at another address."""
    running = TlsEdge(tmp_path, ELSEWHERE, edge.port)
    yield running
    running.stop()


def wanted() -> list[str]:
    """The hostnames for which a job waits."""
    keys = Job.objects.filter(kind=FETCH_CERTIFICATE.name).values_list("key", flat=True)
    return list(Hostname.objects.filter(pk__in=list(keys)).values_list("name", flat=True))


def test_when_a_claim_is_verified(alice: Person, prove: Prove, name_server: NameServer, edge: TlsEdge) -> None:
    claim = claim_hostname(alice.actor, tenant_id=alice.tenant.pk, name=NAME)
    name_server.answers(NAME, at(HERE))
    do_jobs()
    assert edge.names == []

    prove(claim)
    assert check_claim(alice.actor, claim_id=claim.pk).hostname is not None
    do_jobs()

    assert edge.names == [NAME]


def test_when_operators_vouch_for_it_or_add_it(
    alice: Person, platform: Actor, name_server: NameServer, edge: TlsEdge
) -> None:
    for name in (NAME, "added.acme.com"):
        name_server.answers(name, at(HERE))
    vouch_hostname(platform, "", tenant_id=alice.tenant.pk, name=NAME)
    add_hostname(platform, "", tenant_id=alice.tenant.pk, name="added.acme.com")
    do_jobs()

    assert sorted(edge.names) == ["added.acme.com", NAME]
    assert Hostname.objects.exclude(certificate_seen_at=None).count() == 2


def test_when_its_record_leads_here_at_last_and_only_then(
    alice: Person, platform: Actor, name_server: NameServer, edge: TlsEdge, other: TlsEdge
) -> None:
    hostname = vouch_hostname(platform, "", tenant_id=alice.tenant.pk, name=NAME)
    name_server.answers(NAME, at(ELSEWHERE))
    do_jobs()
    check_hostname(alice.actor, hostname_id=hostname.pk)
    do_jobs()
    assert edge.names == other.names == []
    assert Hostname.objects.get(name=NAME).certificate_seen_at is None

    name_server.answers(NAME, at(HERE))
    check_hostname(alice.actor, hostname_id=hostname.pk)
    do_jobs()
    assert edge.names == [NAME]

    check_hostname(alice.actor, hostname_id=hostname.pk)
    assert wanted() == []


def test_of_its_addresses_only_the_facades_own_is_dialled(
    alice: Person, platform: Actor, name_server: NameServer, edge: TlsEdge, other: TlsEdge
) -> None:
    name_server.answers(NAME, at(ELSEWHERE, HERE))
    vouch_hostname(platform, "", tenant_id=alice.tenant.pk, name=NAME)
    do_jobs()

    assert (edge.names, other.names) == ([NAME], [])


def test_the_addresses_may_be_those_of_the_control_host(
    alice: Person, platform: Actor, name_server: NameServer, edge: TlsEdge, settings: Settings
) -> None:
    settings.FACADE_ADDRESSES, settings.FACADE_CONTROL_HOSTS = [], ["localhost", "facade.acme.com"]
    for name in (NAME, "facade.acme.com"):
        name_server.answers(name, at(HERE))
    vouch_hostname(platform, "", tenant_id=alice.tenant.pk, name=NAME)
    do_jobs()

    assert edge.names == [NAME]


def test_when_it_is_enabled_and_not_while_it_is_not(
    alice: Person, platform: Actor, name_server: NameServer, edge: TlsEdge
) -> None:
    name_server.answers(NAME, at(HERE))
    hostname = add_hostname(platform, "", tenant_id=alice.tenant.pk, name=NAME, enabled=False)
    do_jobs()
    assert edge.names == []

    update_hostname(alice.actor, "", hostname_id=hostname.pk, enabled=True)
    do_jobs()
    assert edge.names == [NAME]


def test_an_edge_that_has_none_yet_is_asked_again(
    alice: Person, platform: Actor, name_server: NameServer, edge: TlsEdge, caplog: pytest.LogCaptureFixture
) -> None:
    name_server.answers(NAME, at(HERE))
    edge.refusals = 2
    vouch_hostname(platform, "", tenant_id=alice.tenant.pk, name=NAME)
    do_jobs()

    assert edge.names == [NAME] * 3
    assert "no certificate" not in caplog.text


def test_an_edge_that_refuses_is_let_alone_after_three_times(
    alice: Person, platform: Actor, name_server: NameServer, edge: TlsEdge, caplog: pytest.LogCaptureFixture
) -> None:
    name_server.answers(NAME, at(HERE))
    edge.refusals = 100
    vouch_hostname(platform, "", tenant_id=alice.tenant.pk, name=NAME)
    with caplog.at_level(logging.WARNING, "routing.maintain"):
        do_jobs()

    assert edge.names == [NAME] * 3
    assert f"{NAME} has no certificate yet, whoever asks first waits for it: {HERE}: no TLS came about" in caplog.text
    assert not Job.objects.exists()


@pytest.mark.parametrize("name", ["*.pull.acme.com", "localhost", "app.localhost"])
def test_what_has_no_certificate_of_its_own_is_not_asked_for(
    alice: Person, platform: Actor, edge: TlsEdge, name: str
) -> None:
    add_hostname(platform, "", tenant_id=alice.tenant.pk, name=name)

    assert wanted() == []


def test_without_a_gate_nobody_gets_certificates(
    alice: Person, platform: Actor, edge: TlsEdge, settings: Settings
) -> None:
    settings.FACADE_GATE_BIND = ""
    add_hostname(platform, "", tenant_id=alice.tenant.pk, name=NAME)

    assert wanted() == []


def test_where_no_handshake_comes_about_none_is_said_to_be_there(
    alice: Person, platform: Actor, name_server: NameServer, edge: TlsEdge
) -> None:
    edge.refusals = 99
    name_server.answers(NAME, at(HERE))
    vouch_hostname(platform, "", tenant_id=alice.tenant.pk, name=NAME)
    do_jobs()

    assert edge.names != []
    assert Hostname.objects.get(name=NAME).certificate_seen_at is None


def test_when_it_was_first_seen_stays(platform: Actor, alice: Person) -> None:
    hostname = add_hostname(platform, "", tenant_id=alice.tenant.pk, name=NAME)
    certificates.note_certificate(hostname.pk)
    first = Hostname.objects.get(pk=hostname.pk)

    certificates.note_certificate(hostname.pk)

    again = Hostname.objects.get(pk=hostname.pk)
    assert (again.certificate_seen_at, again.version) == (first.certificate_seen_at, first.version)
    assert hostname.history.count() == 1
