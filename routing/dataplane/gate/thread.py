"""The gate in a thread of the process of `manage.py maintain`, which holds the routing table anyway.

There it outlives the workers' ends and reloads, and whatever is asked of it keeps no registry client waiting.
docs/decisions/0051-the-gate-is-in-the-process-of-the-regular-work.md has the reasons.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from functools import partial
from pathlib import Path

from django.conf import settings

from routing.conf import addresses_of_certificates, gate_listener, name_servers, policy, public_control_host
from routing.core.table.routing_table import Table
from routing.dataplane.gate.gate_file import write_answers
from routing.dataplane.gate.grants import Budget, Grants
from routing.dataplane.gate.judgement import AddressRecords, Gate, LookUp
from routing.dataplane.gate.own_addresses import OwnAddresses, answers_at
from routing.dataplane.gate.server import GateServer, listen
from routing.dataplane.live.live_table import LiveTable
from routing.dns.published import look_up_addresses

logger = logging.getLogger(__name__)

# The edge asks again at the next handshake; what it asks while there is no table yet would be refused.
_TABLE_SECONDS = 30.0
# The edge gives up after 10 s, and its client waits as long.
_MOST_LOOK_UP_SECONDS = 5.0
_TELL_SECONDS = 1.0
_AFTER_ERROR_SECONDS = 5.0


def keep_gate(live: LiveTable, stop: threading.Event) -> None:
    """Serve until told to stop, from the table that `live` follows."""
    until = time.monotonic() + _TABLE_SECONDS
    while live.table is None and time.monotonic() < until and not stop.wait(0.05):
        pass
    while not stop.is_set():
        try:
            asyncio.run(_serve(live, stop))
        except Exception:
            logger.exception("the gate broke off; it begins again")
            stop.wait(_AFTER_ERROR_SECONDS)


async def _serve(live: LiveTable, stop: threading.Event) -> None:
    budget = Budget(settings.FACADE_MAX_CERTIFICATES_PER_TENANT, settings.FACADE_MAX_CERTIFICATES_PER_DOMAIN)
    grants = Grants(Path(settings.STATE_DIR) / "certificates", budget)
    seconds = min(settings.FACADE_DNS_SECONDS, _MOST_LOOK_UP_SECONDS)
    look_up = partial(look_up_addresses, servers=name_servers(), seconds=seconds)
    own = _own_addresses(look_up, seconds)
    records = AddressRecords(addresses_of_certificates(), look_up, seconds, own)
    # Before any table could be loaded, control hosts are known all the same.
    gate = Gate(lambda: live.table or Table(policy()), grants, records)
    server = GateServer(gate.judge)
    beside = [asyncio.create_task(_keep_telling(server))]
    if own is not None:
        beside.append(asyncio.create_task(own.keep_looking()))
    try:
        await listen(server, gate_listener(), stop.is_set)
    finally:
        for task in beside:
            task.cancel()


def _own_addresses(look_up: LookUp, seconds: float) -> OwnAddresses | None:
    """What finds out where this facade is, where no setting says so and a control host has a name by which to ask."""
    host = public_control_host()
    if not host or any(addresses_of_certificates()):
        return None
    return OwnAddresses(host, look_up, partial(answers_at, host, settings.FACADE_PUBLIC_PORT, seconds))


async def _keep_telling(server: GateServer) -> None:
    """Tell the workers what was answered, where that has changed."""
    told, complained = None, False
    while True:
        if told != server.answers:
            told = server.answers.copy()
            try:
                write_answers(told)
                complained = False
            except OSError as error:
                if not complained:
                    logger.warning("what the gate answered can't be told: %s", error)
                complained = True
        await asyncio.sleep(_TELL_SECONDS)
