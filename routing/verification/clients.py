"""Which kinds of clients could pull today and could not after a switch: `decide()` is asked with both tables."""

from __future__ import annotations

from routing.core.client_support import Findings, Verdict, client_support
from routing.core.table.routing_table import Table
from routing.verification.differences import Difference, Kind


def refused_clients(
    today: Table, tomorrow: Table, host: str, name: str, findings: tuple[Findings, Findings]
) -> list[Difference]:
    """What works today and would not tomorrow, a difference for each kind of client.

    `findings` are what is known of today's registry, and of tomorrow's.
    """
    now = client_support(today, host, name, "latest", findings[0])
    then = client_support(tomorrow, host, name, "latest", findings[1])
    return [
        Difference(Kind.REFUSED_FOR_CLIENT, "", f"{after.client.shown}: {after.reason}"[:1000])
        for before, after in zip(now, then, strict=True)
        if before.verdict is Verdict.WORKS and after.verdict is Verdict.FAILS
    ]
