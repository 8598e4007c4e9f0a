"""Who is trusted to say how a client came: an address, a network, or the default gateway."""

from ipaddress import IPv4Network, IPv6Network, ip_network

#: The word for whatever the machine's default gateway is. In a container on a bridge it is the host.
GATEWAY = "gateway"

Network = IPv4Network | IPv6Network


def parse_proxy(text: str) -> Network | None:
    """The network; None for GATEWAY, which only the machine knows. Raises ValueError for anything else."""
    return None if text.strip().lower() == GATEWAY else ip_network(text.strip(), strict=False)
