"""Whether files may take the place of those that Envoy has now."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from routing.edge.document import Published, Refused

ROUTES, LISTENER, BOOTSTRAP = "envoy-routes.json", "envoy-listener.json", "envoy.json"
#: So many hostnames at least have to be affected before the share is asked for, as in the facade's workers.
LEAST_HOSTNAMES = 100
_ROUTES_TYPE = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
_LISTENER_TYPE = "type.googleapis.com/envoy.config.listener.v3.Listener"


class Routes(NamedTuple):
    """What a file of routes says: its generation, and of each hostname where it leads."""

    generation: int
    hostnames: dict[str, frozenset[str]]


def read_routes(text: str) -> Routes:
    """What the file says. Raises Refused for one that Envoy would have no routes from."""
    try:
        version, resource = _resource(text, _ROUTES_TYPE)
        hostnames = dict(_hostnames(resource["virtual_hosts"]))
        if not hostnames:
            raise Refused(f"{ROUTES} has no hostname")
        return Routes(version, hostnames)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise Refused(f"{ROUTES} doesn't hold routes") from error


def judge(published: Published, before: Routes | None, share: int) -> Routes:
    """What the new files say. Raises Refused for what is empty, partial, older, or changes too much.

    `before`: what is in place; None: nothing, or whatever comes is to be taken. `share`: so many percent of the
    hostnames may be removed or lead elsewhere at once; 0: all.
    """
    if published.engine != "envoy" or [name for name, _ in published.files] != [ROUTES, LISTENER, BOOTSTRAP]:
        raise Refused("it doesn't have the files of Envoy")
    files = dict(published.files)
    routes = read_routes(files[ROUTES])
    if routes.generation != published.generation or _listener(files[LISTENER]) != published.generation:
        raise Refused("its files are of several generations")
    _judge_bootstrap(files[BOOTSTRAP])
    if before is not None:
        _compare(before, routes, share)
    return routes


def whole(files: dict[str, str]) -> str:
    """One file that has all three in one: Envoy doesn't read watched files when it only validates."""
    bootstrap = json.loads(files[BOOTSTRAP])
    listener = json.loads(files[LISTENER])["resources"][0]
    for chain in listener["filter_chains"]:
        for each in chain["filters"]:
            if each["typed_config"].pop("rds", None) is not None:
                each["typed_config"]["route_config"] = _bare(json.loads(files[ROUTES])["resources"][0])
    bootstrap.pop("dynamic_resources")
    bootstrap["static_resources"]["listeners"] = [_bare(listener)]
    return json.dumps(bootstrap)


def _bare(resource: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in resource.items() if key != "@type"}


def _compare(before: Routes, after: Routes, share: int) -> None:
    if after.generation < before.generation:
        raise Refused(f"it is of generation {after.generation}, older than {before.generation} in place")
    nowhere: frozenset[str] = frozenset()
    affected = sum(
        name not in after.hostnames or not leads <= after.hostnames.get(name, nowhere)
        for name, leads in before.hostnames.items()
    )
    if share and affected >= LEAST_HOSTNAMES and affected * 100 > share * len(before.hostnames):
        raise Refused(
            f"it removes {affected} of {len(before.hostnames)} hostnames, or has them lead elsewhere: more than "
            f"{share} percent. Where that is meant, run the edge once with --once --accept"
        )


def _resource(text: str, kind: str) -> tuple[int, dict[str, Any]]:
    document = json.loads(text)
    (resource,) = document["resources"]
    if resource["@type"] != kind or not document["version_info"].isdigit():
        raise ValueError
    return int(document["version_info"]), resource


def _hostnames(hosts: list[dict[str, Any]]) -> Iterator[tuple[str, frozenset[str]]]:
    for host in hosts:
        if not host["domains"] or not host["routes"]:
            raise ValueError
        leads = frozenset(
            json.dumps([route["match"]["prefix"], route["redirect"]]) for route in host["routes"] if "redirect" in route
        )
        if "*" in host["domains"]:
            # The app's own hosts, and whatever is none of the facade's.
            continue
        for domain in host["domains"]:
            if not isinstance(domain, str):
                raise TypeError
            yield domain, leads


def _listener(text: str) -> int:
    try:
        version, resource = _resource(text, _LISTENER_TYPE)
        if not resource["address"]["socket_address"] or not resource["filter_chains"]:
            raise ValueError
        for chain in resource["filter_chains"]:
            for each in chain["filters"]:
                _ = each["typed_config"]["@type"]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise Refused(f"{LISTENER} doesn't hold a listener") from error
    return version


def _judge_bootstrap(text: str) -> None:
    try:
        document = json.loads(text)
        if not document["dynamic_resources"]["lds_config"] or not document["static_resources"]["clusters"]:
            raise ValueError
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise Refused(f"{BOOTSTRAP} doesn't start an Envoy") from error
