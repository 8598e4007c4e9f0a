"""The laboratory itself: every client pulls from every kind of registry, with no facade between them."""

import pytest

from tests.e2e.lab.laboratory import (
    AUTHS,
    CLIENTS,
    DELIVERIES,
    OCI,
    ONE_COMPONENT,
    PRIVATE,
    PUBLIC,
    TAG,
    Delivery,
    Laboratory,
)
from tests.e2e.lab.registry import Auth


@pytest.mark.parametrize("name", [PUBLIC, OCI, ONE_COMPONENT, PRIVATE])
@pytest.mark.parametrize("delivery", DELIVERIES)
@pytest.mark.parametrize("auth", AUTHS)
@pytest.mark.parametrize("client", CLIENTS)
def test_client_pulls_from_registry(lab: Laboratory, client: str, auth: Auth, delivery: Delivery, name: str) -> None:
    backing = lab.backing(auth, delivery)
    pull = lab.client(client).pull(f"{backing.netloc}/{name}:{TAG}", backing.account_for(name))
    pull.verified(backing.images[name])
