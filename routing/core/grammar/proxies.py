"""Who is trusted to say how a client came: an address, a network, the default gateway, or all private addresses."""

from ipaddress import IPv4Network, IPv6Network, ip_network

#: The word for whatever the machine's default gateway is. In a container on a bridge it is the host.
GATEWAY = "gateway"

Network = IPv4Network | IPv6Network


#: The word for every address that is not routed in the internet, from which platforms' proxies come.
PRIVATE = "private"
#: RFC 1918, RFC 6598, RFC 4193; loopback (RFC 1122, RFC 4291) and link-local (RFC 3927, RFC 4291).
PRIVATE_NETWORKS: tuple[Network, ...] = tuple(
    ip_network(text)
    for text in (
        *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
        *("fc00::/7", "::1/128", "fe80::/10"),
    )
)


def parse_proxy(text: str) -> tuple[Network, ...] | None:
    """The networks; None for GATEWAY, which only the machine knows. Raises ValueError for anything else."""
    word = text.strip().lower()
    if word == PRIVATE:
        return PRIVATE_NETWORKS
    return None if word == GATEWAY else (ip_network(text.strip(), strict=False),)
