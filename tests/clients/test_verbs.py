"""Tags, referrers, `oras copy -r` and `cosign verify` through the facade, as `expected.md` lists them."""

import re
from collections.abc import Callable

import pytest

from tests.clients.programs.cosign import Cosign
from tests.clients.programs.crane import Crane
from tests.clients.programs.docker_tools import DockerTool
from tests.clients.programs.oras import OrasCommand
from tests.clients.registries.referrers import TAGS, sbom_of
from tests.clients.registries.world import Source, World
from tests.clients.report import VERB
from tests.clients.roster import Roster
from tests.clients.tables import Row, verbs
from tests.e2e.address_book import Address
from tests.e2e.lab.containers_image import Podman, Skopeo
from tests.e2e.lab.images import Image

Record = Callable[[str, object], None]


def _cells(what: str) -> list[object]:
    return [
        pytest.param(client, row, id=re.sub(r"[^a-z0-9.]+", "-", f"{client} {' '.join(row)}".lower()))
        for verb, client, row in verbs()
        if verb == what
    ]


class Tried:
    """A verb that a client is about to try through the facade: with what, and what is kept of what came of it."""

    def __init__(self, verb: str, client: str, row: Row, source: Source, address: Address, record: Record) -> None:
        self.source, self.address = source, address
        self.repository = f"{address.netloc}/{source.typed(row.naming)}"
        self.reference = f"{self.repository}:1.0"
        self.account = source.account_for(row.naming)
        self._row, self._cell, self._record = row, (verb, *row, client), record
        address.forget()

    @property
    def image(self) -> Image:
        return self.source.image(self._row.naming)

    def ended(self, works: bool, output: str) -> None:
        """Keep for the report whether it works; fail where it doesn't."""
        self._record(VERB, [*self._cell, "works" if works else "fails"])
        assert works, f"{output}\n{self.address.story()}"


Try = Callable[[str, str, Row], Tried]


@pytest.fixture
def tries(world: World, opened: dict[Row, Address], record_property: Record) -> Try:
    """Begins a try of a verb, by a client, at a registry that `row` names."""
    return lambda verb, client, row: Tried(verb, client, row, world.source(row.registry), opened[row], record_property)


@pytest.mark.parametrize(("client", "row"), _cells("tags"))
def test_tags(roster: Roster, tries: Try, client: str, row: Row) -> None:
    tried, lister = tries("tags", client, row), roster.start(client)
    assert isinstance(lister, Podman | Skopeo | Crane | OrasCommand)

    listed = lister.list_tags(tried.repository, tried.account)

    tried.ended(listed.ok and set(TAGS) <= set(re.findall(r"[\w.-]+", listed.stdout)), listed.output)


@pytest.mark.parametrize(("client", "row"), _cells("inspect"))
def test_inspect(roster: Roster, tries: Try, client: str, row: Row) -> None:
    tried, tool = tries("inspect", client, row), roster.start(client)
    assert isinstance(tool, DockerTool)

    inspected = tool.inspect(tried.reference, tried.account)

    tried.ended(inspected.ok and tried.image.host.digest in inspected.stdout, inspected.output)


@pytest.mark.parametrize(("client", "row"), _cells("referrers"))
def test_referrers(roster: Roster, tries: Try, client: str, row: Row) -> None:
    tried, oras = tries("referrers", client, row), roster.start_as(OrasCommand, client)

    said, digests = oras.discover(tried.reference, tried.account)

    tried.ended(sbom_of(tried.image).digest in digests, said.output)


@pytest.mark.parametrize(("client", "row"), _cells("copy"))
def test_copy_with_referrers(roster: Roster, tries: Try, client: str, row: Row) -> None:
    tried, oras = tries("oras copy -r", client, row), roster.start_as(OrasCommand, client)

    pull, digests = oras.copy_with_referrers(tried.reference, tried.account)

    tried.ended(pull.ok and sbom_of(tried.image).digest in digests, pull.output)
    pull.verified(tried.image)
    assert tried.address.layers_seen(tried.image) == 0


@pytest.mark.parametrize(("client", "row"), _cells("verify"))
def test_verify(roster: Roster, tries: Try, client: str, row: Row) -> None:
    tried, cosign = tries("cosign verify", client, row), roster.start_as(Cosign, client)
    source, digest = tried.source, tried.image.digest
    signs_at = (source.signs_at or source.url).partition("://")[2]
    # It may take credentials to write where it takes none to read.
    cosign.sign(f"{signs_at}/{source.name(row.naming)}@{digest}", source.account).checked()
    tried.address.forget()

    verified = cosign.verify(tried.reference, tried.account)

    tried.ended(verified.ok and digest in verified.output, verified.output)
