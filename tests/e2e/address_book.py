"""The facade's addresses as clients meet them: each a hostname of its own, with a meter before it.

    book = AddressBook(facade)
    address, = book.open([AddressSpec((MappingSpec("acme", backing.url, "acme"),))])
    client.pull(f"{address.netloc}/acme/app:1.0")
    assert address.blob_bytes() == 0

Hostnames are loopback addresses, since real clients resolve names and take loopback for insecure registries.
"""

import itertools
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from tests.e2e import wire
from tests.e2e.facade import ADDRESS, Facade
from tests.e2e.lab.images import Image
from tests.e2e.lab.meter import Meter
from tests.e2e.seed import AddressSpec, MappingSpec, tenant_of, to_json

__all__ = ["Address", "AddressBook", "AddressSpec", "MappingSpec"]

_PIECE_BYTES, _PIECE_STEP_BYTES = 64, 4096
_HOSTNAMES = [f"127.0.{net}.{number}" for net in (4, 5) for number in range(1, 255)]


@dataclass
class Address:
    """A hostname that clients can pull from. `netloc` is what comes first in an image reference."""

    hostname: str
    meter: Meter = field(repr=False)

    @property
    def tenant(self) -> str:
        """The slug of the tenant that owns the hostname."""
        return tenant_of(self.hostname)

    @property
    def netloc(self) -> str:
        return self.meter.netloc

    @property
    def url(self) -> str:
        return self.meter.url

    def forget(self) -> None:
        """Count from nothing again."""
        self.meter.clear()

    def passed(self) -> list[wire.Passed]:
        """Every request since, with its answer."""
        return wire.passed(self.meter)

    def blob_bytes(self) -> int:
        """Bytes of layers and configs that came through since."""
        return wire.blob_bytes(self.passed())

    def layers_seen(self, image: Image) -> int:
        """How many of the image's layers came through since, wholly or in part, whatever request brought them.

        Layers don't compress, so a piece of 64 bytes is found nowhere else.
        """
        answers = b"".join(self.meter.answers())
        layers = (image.blobs[digest] for digest in image.host.layer_digests)
        starts = [(layer, range(0, max(len(layer) - _PIECE_BYTES, 1), _PIECE_STEP_BYTES)) for layer in layers]
        return sum(any(layer[at : at + _PIECE_BYTES] in answers for at in at_each) for layer, at_each in starts)

    def relayed_bytes(self) -> int:
        """Bytes of bodies that the facade handed on since."""
        return wire.relayed_bytes(self.passed())

    def story(self) -> str:
        """What passed since, a line each, for the message of a failure."""
        return "\n".join(map(str, self.passed())) or "(nothing passed)"


class AddressBook:
    """Opens addresses of one facade; `stop` closes them all."""

    def __init__(self, facade: Facade) -> None:
        self.facade = facade
        self._free = iter(_HOSTNAMES)
        self._stack = ExitStack()

    def open(self, specs: Sequence[AddressSpec]) -> list[Address]:
        """An address for each specification, once every worker of the facade serves it."""
        hostnames = list(itertools.islice(self._free, len(specs)))
        last = f"after-{hostnames[-1].replace('.', '-')}.test"
        self.facade.seed("addresses", stdin=to_json(dict(zip(hostnames, specs, strict=True)), last))
        self.facade.wait_for("/v2/", 200, host=last)
        return [Address(name, self._meter(name)) for name in hostnames]

    def _meter(self, address: str) -> Meter:
        return self._stack.enter_context(Meter(address, (ADDRESS, self.facade.port)))

    def stop(self) -> None:
        self._stack.close()

    def __enter__(self) -> "AddressBook":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
