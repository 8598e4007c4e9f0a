"""Doors: the facade's addresses as clients meet them, each a hostname of its own with a meter before it.

    doors = Doors(facade)
    door, = doors.open([Plan([Way("acme", backing.url, "acme")])])
    client.pull(f"{door.netloc}/acme/app:1.0")
    assert door.blob_bytes() == 0

Hostnames are loopback addresses, since real clients resolve names and take loopback for insecure registries.
"""

import itertools
import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field

from tests.e2e import wire
from tests.e2e.facade import ADDRESS, Facade
from tests.e2e.lab.images import Image
from tests.e2e.lab.meter import Meter

_PIECE_BYTES, _PIECE_STEP_BYTES = 64, 4096
_ARRANGE = "from tests.e2e.arranging import main; main()"
_ADDRESSES = [f"127.0.{net}.{number}" for net in (4, 5) for number in range(1, 255)]


@dataclass(frozen=True)
class Way:
    """One mapping: `prefix` of the door's hostname leads to `upstream` at the registry `origin`."""

    prefix: str
    origin: str
    upstream: str
    private: bool = False
    shell: bool = False


@dataclass(frozen=True)
class Plan:
    """A door's mappings, and what is to be known of its registries.

    `probed`: the facade has found out what each registry asks for; else it has never asked. `library` is where the
    registries keep one-component names. `streams`: blob bytes pass through the facade where nothing else works.
    """

    ways: Sequence[Way]
    probed: bool = True
    library: str = ""
    streams: bool = False
    login: str = ""


@dataclass
class Door:
    """An open door. `netloc` is what comes first in an image reference."""

    hostname: str
    meter: Meter = field(repr=False)

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


class Doors:
    """Opens doors into one facade; `stop` closes them all."""

    def __init__(self, facade: Facade) -> None:
        self.facade = facade
        self._free = iter(_ADDRESSES)
        self._stack = ExitStack()

    def open(self, plans: Sequence[Plan]) -> list[Door]:
        """A door for each plan, once every worker of the facade knows it."""
        hostnames = list(itertools.islice(self._free, len(plans)))
        arranged = [asdict(plan) | {"hostname": name} for name, plan in zip(hostnames, plans, strict=True)]
        # A last hostname, made after all else: changes arrive in order, so who knows this one knows the doors.
        last = f"after-{hostnames[-1].replace('.', '-')}.test"
        spec = {"doors": arranged, "last": last}
        self.facade.manage("shell", "--no-imports", "-c", _ARRANGE, extra={"DOORS": json.dumps(spec)})
        self.facade.wait_for("/v2/", 200, host=last)
        return [Door(name, self._meter(name)) for name in hostnames]

    def _meter(self, address: str) -> Meter:
        return self._stack.enter_context(Meter(address, (ADDRESS, self.facade.port)))

    def stop(self) -> None:
        self._stack.close()

    def __enter__(self) -> "Doors":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
