"""Tags, referrers, `oras copy -r` and `cosign verify` through the facade, as `expected.md` lists them."""

import re
from collections.abc import Callable

import pytest

from tests.clients.programs.cosign import Cosign
from tests.clients.programs.crane import Crane
from tests.clients.programs.docker_tools import DockerTool
from tests.clients.programs.oras import OrasCommand
from tests.clients.registries.referrers import TAGS, sbom_of
from tests.clients.registries.world import World
from tests.clients.report import VERB
from tests.clients.roster import Roster
from tests.clients.tables import Row, verbs
from tests.e2e.address_book import Address
from tests.e2e.lab.containers_image import Podman, Skopeo

Record = Callable[[str, object], None]


def _cells(what: str) -> list[object]:
    return [
        pytest.param(client, row, id=re.sub(r"[^a-z0-9.]+", "-", f"{client} {' '.join(row)}".lower()))
        for verb, client, row in verbs()
        if verb == what
    ]


@pytest.mark.parametrize(("client", "row"), _cells("tags"))
def test_tags(
    world: World, roster: Roster, opened: dict[Row, Address], record_property: Record, client: str, row: Row
) -> None:
    source, address, lister = world.source(row.registry), opened[row], roster.start(client)
    assert isinstance(lister, Podman | Skopeo | Crane | OrasCommand)
    address.forget()
    listed = lister.list_tags(f"{address.netloc}/{source.typed(row.naming)}", source.account_for(row.naming))
    works = listed.ok and set(TAGS) <= set(re.findall(r"[\w.-]+", listed.stdout))
    record_property(VERB, ["tags", *row, client, "works" if works else "fails"])

    assert works, f"{listed.output}\n{address.story()}"


@pytest.mark.parametrize(("client", "row"), _cells("inspect"))
def test_inspect(
    world: World, roster: Roster, opened: dict[Row, Address], record_property: Record, client: str, row: Row
) -> None:
    source, address, tool = world.source(row.registry), opened[row], roster.start(client)
    assert isinstance(tool, DockerTool)
    address.forget()
    reference = f"{address.netloc}/{source.typed(row.naming)}:1.0"
    inspected = tool.inspect(reference, source.account_for(row.naming))
    works = inspected.ok and source.image(row.naming).host.digest in inspected.stdout
    record_property(VERB, ["inspect", *row, client, "works" if works else "fails"])

    assert works, f"{inspected.output}\n{address.story()}"


@pytest.mark.parametrize(("client", "row"), _cells("referrers"))
def test_referrers(
    world: World, roster: Roster, opened: dict[Row, Address], record_property: Record, client: str, row: Row
) -> None:
    source, address, oras = world.source(row.registry), opened[row], roster.start(client)
    assert isinstance(oras, OrasCommand)
    address.forget()
    said, digests = oras.discover(f"{address.netloc}/{source.typed(row.naming)}:1.0", source.account_for(row.naming))
    works = sbom_of(source.image(row.naming)).digest in digests
    record_property(VERB, ["referrers", *row, client, "works" if works else "fails"])

    assert works, f"{said.output}\n{address.story()}"


@pytest.mark.parametrize(("client", "row"), _cells("copy"))
def test_copy_with_referrers(
    world: World, roster: Roster, opened: dict[Row, Address], record_property: Record, client: str, row: Row
) -> None:
    source, address, oras = world.source(row.registry), opened[row], roster.start(client)
    assert isinstance(oras, OrasCommand)
    image = source.image(row.naming)
    address.forget()
    reference = f"{address.netloc}/{source.typed(row.naming)}:1.0"
    pull, digests = oras.copy_with_referrers(reference, source.account_for(row.naming))
    works = pull.ok and sbom_of(image).digest in digests
    record_property(VERB, ["oras copy -r", *row, client, "works" if works else "fails"])

    assert works, f"{pull.output}\n{address.story()}"
    pull.verified(image)
    assert address.layers_seen(image) == 0


@pytest.mark.parametrize(("client", "row"), _cells("verify"))
def test_verify(
    world: World, roster: Roster, opened: dict[Row, Address], record_property: Record, client: str, row: Row
) -> None:
    source, address, cosign = world.source(row.registry), opened[row], roster.start(client)
    assert isinstance(cosign, Cosign)
    account = source.account_for(row.naming)
    image, signs_at = source.image(row.naming), (source.signs_at or source.url).partition("://")[2]
    # It may take credentials to write where it takes none to read.
    cosign.sign(f"{signs_at}/{source.name(row.naming)}@{image.digest}", source.account).checked()
    address.forget()
    verified = cosign.verify(f"{address.netloc}/{source.typed(row.naming)}:1.0", account)
    works = verified.ok and image.digest in verified.output
    record_property(VERB, ["cosign verify", *row, client, "works" if works else "fails"])

    assert works, f"{verified.output}\n{address.story()}"
