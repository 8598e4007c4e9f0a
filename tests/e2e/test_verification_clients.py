"""What a report says of clients is what real ones meet: docker, podman and Skopeo, before a switch and after it."""

from __future__ import annotations

import json

from tests.e2e.address_book import AddressBook, AddressSpec, MappingSpec
from tests.e2e.lab import images, process
from tests.e2e.lab.laboratory import TAG, Laboratory

NAME = "acme/judged"
#: By the report's words for them, and whether they can still pull where layers come from the registry itself.
CLIENTS = {"docker": ("docker (", True), "podman": ("podman: ", False), "skopeo": ("skopeo", False)}


def test_who_could_not_pull_any_more_is_named_and_can_not(lab: Laboratory, address_book: AddressBook) -> None:
    old, new = lab.another_backing("bearer", "redirected"), lab.another_backing("bearer", "inline")
    image = images.build("judged")
    for backing in (old, new):
        backing.push(image, NAME)
    (address,) = address_book.open([AddressSpec((MappingSpec("acme", old.url, "acme"),))])
    facade, reference = address_book.facade, f"{address.netloc}/{NAME}:{TAG}"
    for client in CLIENTS:
        lab.client(client).pull(reference).verified(image)

    words = [
        "facade",
        "verify",
        address.hostname,
        "acme",
        "--to",
        f"{new.url}/acme",
        "--add",
        f"judged:{TAG}",
        "--json",
    ]
    done = process.run(facade.manage_argv(*words, "--json"), env=facade.env)
    assert done.status == 3, done.output
    details = [
        each["detail"] for each in json.loads(done.stdout)["differences"] if each["kind"] == "refused-for-client"
    ]
    facade.seed("repoint", address.hostname, "acme", f"{new.url}/acme")
    tag = f"/v2/{NAME}/manifests/{TAG}"
    facade.wait_for(
        tag, 307, host=address.hostname, location=f"{new.url}{tag}", headers={"User-Agent": "containerd/2.0"}
    )

    for client, (named, still_pulls) in CLIENTS.items():
        assert any(detail.startswith(named) for detail in details) is not still_pulls, details
        assert lab.client(client).pull(reference).ok is still_pulls, client
