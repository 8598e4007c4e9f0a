"""What a pull through the facade comes to: the written table of every kind of registry, name, image and client.

The first four columns say what is pulled, the others what each client meets.

    auth     what the registry asks of its clients
    layers   inline: it serves them itself; redirected: it redirects to its storage
    name     same: as at the registry; renamed: by the mapping; one component: `solo` for the registry's `library/solo`
    image    public: anybody may pull it; private: by a mapping that says so, with a login

    r  redirected: the image arrives, and not even a manifest passes through the facade
    m  manifests: the image arrives; only manifests, some KB, pass through the facade
    d  denied: this client can't bring its credentials to the registry, which serves layers itself. It is told where
       to pull instead (403). Where the registry's operator lets layers pass through the facade, the image arrives.
    l  login: this registry lets nobody read without credentials, and the client has none (401)

tests/e2e/test_matrix.py pulls every cell with real clients: of rows that differ in the name alone one in `make test`,
and all others in `make test-clients`. tests/core/test_outlook.py holds `explain` against it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple, cast, get_args

Auth = Literal["none", "bearer", "basic"]
Layers = Literal["inline", "redirected"]
Naming = Literal["same", "renamed", "one component"]
Access = Literal["public", "private"]
Outcome = Literal["r", "m", "d", "l"]

REDIRECTED, MANIFESTS, DENIED, LOGIN = "r", "m", "d", "l"
#: The columns of clients, in order.
CLIENTS = ("docker", "docker-py", "containerd", "podman", "buildah", "skopeo", "oras")

TABLE = """
# auth | layers     | name          | image   | docker docker-py | containerd | podman buildah skopeo | oras
none   | inline     | same          | public  | r r | r | r r r | r
none   | inline     | same          | private | r r | r | r r r | r
none   | inline     | renamed       | public  | r r | r | r r r | r
none   | inline     | renamed       | private | r r | r | r r r | r
none   | inline     | one component | public  | r r | r | r r r | r
none   | inline     | one component | private | r r | r | r r r | r
none   | redirected | same          | public  | r r | r | r r r | r
none   | redirected | same          | private | r r | r | r r r | r
none   | redirected | renamed       | public  | r r | r | r r r | r
none   | redirected | renamed       | private | r r | r | r r r | r
none   | redirected | one component | public  | r r | r | r r r | r
none   | redirected | one component | private | r r | r | r r r | r
bearer | inline     | same          | public  | r r | r | d d d | d
bearer | inline     | same          | private | d d | m | d d d | d
bearer | inline     | renamed       | public  | d d | m | d d d | d
bearer | inline     | renamed       | private | d d | m | d d d | d
bearer | inline     | one component | public  | d d | m | d d d | d
bearer | inline     | one component | private | d d | m | d d d | d
bearer | redirected | same          | public  | r r | r | m m m | m
bearer | redirected | same          | private | m m | m | m m m | m
bearer | redirected | renamed       | public  | m m | m | m m m | m
bearer | redirected | renamed       | private | m m | m | m m m | m
bearer | redirected | one component | public  | m m | m | m m m | m
bearer | redirected | one component | private | m m | m | m m m | m
basic  | inline     | same          | public  | l l | l | l l l | l
basic  | inline     | same          | private | d d | m | d d d | d
basic  | inline     | renamed       | public  | l l | l | l l l | l
basic  | inline     | renamed       | private | d d | m | d d d | d
basic  | inline     | one component | public  | l l | l | l l l | l
basic  | inline     | one component | private | d d | m | d d d | d
basic  | redirected | same          | public  | l l | l | l l l | l
basic  | redirected | same          | private | m m | m | m m m | m
basic  | redirected | renamed       | public  | l l | l | l l l | l
basic  | redirected | renamed       | private | m m | m | m m m | m
basic  | redirected | one component | public  | l l | l | l l l | l
basic  | redirected | one component | private | m m | m | m m m | m
"""


class MatrixRow(NamedTuple):
    """One row: what is pulled, and what comes of it for each client."""

    auth: Auth
    layers: Layers
    naming: Naming
    access: Access
    outcomes: tuple[Outcome, ...]

    def outcome(self, client: str) -> Outcome:
        """What comes of it for this client, one of CLIENTS."""
        return self.outcomes[CLIENTS.index(client)]

    @property
    def is_marked_private(self) -> bool:
        """Whether the mapping says so. A registry without auth has nothing that is not for everybody."""
        return self.access == "private" and self.auth != "none"

    def __str__(self) -> str:
        return "-".join(self[:4]).replace(" ", "_")


def read_rows(text: str) -> Iterator[MatrixRow]:
    """The rows of a table. Raises ValueError for one that can't be read."""
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            yield _row(line)


def _row(line: str) -> MatrixRow:
    auth, layers, naming, access, *cells = (column.strip() for column in line.split("|"))
    outcomes = " ".join(cells).split()
    known = zip((auth, layers, naming, access), (Auth, Layers, Naming, Access), strict=True)
    if not all(word in get_args(words) for word, words in known):
        raise ValueError(f"this row has a word that the head of the table does not explain: {line}")
    if len(outcomes) != len(CLIENTS) or not set(outcomes) <= set(get_args(Outcome)):
        raise ValueError(f"this row has not one outcome for each client: {line}")
    return MatrixRow(
        cast(Auth, auth),
        cast(Layers, layers),
        cast(Naming, naming),
        cast(Access, access),
        cast(tuple[Outcome, ...], tuple(outcomes)),
    )


ROWS = tuple(read_rows(TABLE))


def representatives(rows: Sequence[MatrixRow]) -> frozenset[MatrixRow]:
    """Of rows that differ in how the image is called, and in nothing that comes of it, one. The namings take turns."""
    alike: dict[tuple[object, ...], list[MatrixRow]] = {}
    for row in rows:
        alike.setdefault((row.auth, row.layers, row.access, row.outcomes), []).append(row)
    return frozenset(each[turn % len(each)] for turn, each in enumerate(alike.values()))
