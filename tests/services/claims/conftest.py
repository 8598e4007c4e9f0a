"""An owner of each of two tenants, and the records that prove a name."""

from __future__ import annotations

import pytest

from routing.models import Hostname, HostnameClaim
from tests.conftest import Person
from tests.dns.name_server import NameServer, txt
from tests.services.claims.steps import Prove, record_of


@pytest.fixture
def alice(owner: Person) -> Person:
    """An owner of acme."""
    return owner


@pytest.fixture
def mallory(outsider: Person) -> Person:
    """An owner of globex, who wants what isn't theirs."""
    return outsider


@pytest.fixture
def prove(name_server: NameServer) -> Prove:
    """Leaves the records of these, and of nobody else, where they have to be."""

    def set_records(*items: HostnameClaim | Hostname) -> None:
        records = [record_of(item) for item in items]
        assert len({record.name for record in records}) == 1
        name_server.answers(records[0].name, txt("v=spf1 -all", *(record.value for record in records)))

    return set_records
