"""What the deployment decides, as against what the table says: settings that `decide()` looks at."""

from collections.abc import Mapping
from typing import NamedTuple

from routing.core.grammar.user_agents import REAUTHORISING, Version


class Policy(NamedTuple):
    """`control_hosts` are normalised hosts (no port) on which Django answers."""

    control_hosts: frozenset[str] = frozenset()
    reauthorising_clients: Mapping[str, Version | None] = REAUTHORISING
