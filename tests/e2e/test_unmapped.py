"""A name that no mapping covers: whatever a client asks first, its user reads a sentence, and no registry is asked."""

import pytest

from tests.e2e.address_book import Address, AddressBook, AddressSpec, MappingSpec
from tests.e2e.lab.accounts import ALICE, Account
from tests.e2e.lab.laboratory import AUTHS, Laboratory

# What each prints of it. containerd asks by HEAD, whose answers have no message.
SAID = {
    "docker": "repository {name} not found: name unknown: {sentence}",
    "podman": "name unknown: {sentence}",
    "buildah": "name unknown: {sentence}",
    "skopeo": "name unknown: {sentence}",
    "containerd": "{name}:1.0: not found",
}
# docker's ping is redirected where there is one Bearer registry; all others are challenged here, or nobody is.
KINDS = ("open", "bearer", "private", "basic", "two")


@pytest.fixture(scope="module")
def opened(lab: Laboratory, address_book: AddressBook) -> dict[str, Address]:
    none, bearer, basic = (lab.backing(auth, "redirected").url for auth in ("none", "bearer", "basic"))
    specs = {
        "open": AddressSpec((MappingSpec("acme", none, "acme"),)),
        "bearer": AddressSpec((MappingSpec("acme", bearer, "acme"),)),
        "private": AddressSpec((MappingSpec("acme", bearer, "acme", private=True),)),
        "basic": AddressSpec((MappingSpec("acme", basic, "acme"),)),
        "two": AddressSpec(
            (
                MappingSpec("acme", bearer, "acme"),
                MappingSpec("team", basic, "acme"),
            )
        ),
    }
    return dict(zip(specs, address_book.open(list(specs.values())), strict=True))


@pytest.mark.parametrize("account", [None, ALICE], ids=["anonymous", "logged in"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("client", SAID)
def test_its_user_reads_why(
    lab: Laboratory, opened: dict[str, Address], client: str, kind: str, account: Account | None
) -> None:
    address = opened[kind]
    if account is not None and kind == "open":
        account = None
    logs = [lab.backing(auth, "redirected").log for auth in AUTHS] + [lab.tokens().log]
    for log in logs:
        log.clear()
    address.forget()

    pull = lab.client(client).pull(f"{address.netloc}/other/app:1.0", account)

    host = address.netloc.partition(":")[0]
    sentence = f"{host}/other/app is not mapped to any registry; ask the owner of {host}"
    assert not pull.ok
    assert SAID[client].format(name=f"{address.netloc}/other/app", sentence=sentence) in pull.output, address.story()
    assert [log.matching(containing="other") for log in logs] == [[]] * len(logs)
