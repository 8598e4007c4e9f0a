"""What the deployment decides, as against what the table says: settings that `decide()` looks at."""

from typing import NamedTuple

from routing.core.grammar.user_agents import Clients

_CLIENTS = Clients()


class Policy(NamedTuple):
    """`control_hosts` are normalised hosts (no port) on which Django answers; `clients` tells what clients can.

    `catch_all`: the stored hostname that answers for every name that nothing else answers for; "" where there is none.
    """

    control_hosts: frozenset[str] = frozenset()
    clients: Clients = _CLIENTS
    catch_all: str = ""
