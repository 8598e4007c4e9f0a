"""Of an older table and a newer one: what of the newer holds even while the older is served, and how far they differ.

Whoever holds an older table on purpose must go on refusing whom the newer one refuses: suspensions, withdrawals and
what is switched off are there to stop something at once. Everything else of the newer one waits.
"""

from collections.abc import Collection, Iterable
from typing import Any

from routing.core.table.host_registries import mapping_classes
from routing.core.table.mapping_entry import Flag, decode, encode
from routing.core.table.routing_table import Change, CompiledRegistry, Table, maps_of
from routing.core.table.step import parse_step

#: The kind and the key of an entry of the table.
Place = tuple[str, str]


def restrained(base: Table, served: Table, newest: Table, places: Iterable[Place] | None = None) -> Table:
    """`base`, with what `newest` refuses; `served` is the same as of before. Only at the `places`, or everywhere."""
    bases, serveds, newests = maps_of(base), maps_of(served), maps_of(newest)
    changes = []
    for kind, key in _everywhere(base) if places is None else places:
        before = bases[kind].get(key)
        wanted = _restrained(kind, key, before, newests[kind].get(key))
        if wanted != serveds[kind].get(key):
            changes.append(Change(served.generation, kind, key, _fields(kind, key, wanted), served.nonce))
    return served.apply(changes) if changes else served


def affected_hosts(old: Table, new: Table, places: Iterable[Place] | None = None) -> set[str]:
    """The hostnames of `old` that are gone from `new`, or lead elsewhere. Only at the `places`, or everywhere.

    What is only refused isn't among them, nor what is new, nor what a probe has found.
    """
    olds, news = maps_of(old), maps_of(new)
    hosts: set[str] = set()
    moved: set[str] = set()
    for kind, key in _everywhere(old) if places is None else places:
        before, after = olds[kind].get(key), news[kind].get(key)
        if before is None or before == after:
            continue
        if kind == "registry":
            moved |= {key} if after is None or after.entry.origin != before.entry.origin else set()
        elif kind != "tenant" and (after is None or _leads(kind, key, before) != _leads(kind, key, after)):
            hosts.add(key.partition("/")[0])
    if moved:
        hosts |= {host for host, usage in old.host_registries.items() if _uses(usage, moved)}
    return hosts


def _everywhere(table: Table) -> Iterable[Place]:
    return ((kind, key) for kind, entries in maps_of(table).items() for key, _ in entries.items())


def _uses(usage: Any, registries: Collection[str]) -> bool:
    return any(kind.registry in registries for kind in mapping_classes(usage))


def _leads(kind: str, key: str, entry: Any) -> Any:
    """What of an entry says where a hostname leads."""
    if kind == "hostname":
        return entry.tenant
    mapping = decode(key.partition("/")[2], entry)
    step = parse_step(mapping.step)
    # How long the step's former target counts leads nobody elsewhere.
    return mapping[:2], step and step._replace(until=0)


def _restrained(kind: str, key: str, base: Any, newest: Any) -> Any:
    if base is None or base == newest:
        return base
    if kind == "registry":
        return _with_its_account(base, newest)
    if kind == "mapping":
        return _restrained_mapping(key.partition("/")[2], base, newest)
    if newest is None:
        return base
    if kind == "tenant":
        return base._replace(refusal=newest.refusal or base.refusal)
    return base._replace(refusal=newest.refusal or base.refusal, enabled=base.enabled and newest.enabled)


def _restrained_mapping(prefix: str, base: str, newest: str | None) -> str:
    entry, now = decode(prefix, base), None if newest is None else decode(prefix, newest)
    if now is not None and not now.flags & Flag.ENABLED:
        entry = entry._replace(flags=entry.flags & ~Flag.ENABLED)
    if entry.account and (now is None or now.account != entry.account):
        # What was published may not be so any more. Without its account it is refused.
        entry = entry._replace(account="")
    return encode(prefix, entry)


def _with_its_account(base: CompiledRegistry, newest: CompiledRegistry | None) -> CompiledRegistry:
    """The registry of then with the account of now: one that was taken away, or changed, is not used any more."""
    account = base.entry.account and (newest.entry.account if newest is not None else "")
    return base._replace(entry=base.entry._replace(account=account))


def _fields(kind: str, key: str, entry: Any) -> dict[str, Any]:
    if kind == "registry":
        entry = entry.entry
    fields: dict[str, Any] = (decode(key.partition("/")[2], entry) if kind == "mapping" else entry)._asdict()
    return fields
