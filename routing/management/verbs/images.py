"""What happens to an image, for every client."""

import shutil
import textwrap
from argparse import ArgumentParser
from typing import Any

from routing.core.client_support import SOME_DIGEST, ClientSupport, Verdict
from routing.management.verbs.output import Output
from routing.management.verbs.verb import NotSo, Options, Status, Verb
from routing.services.base.actor import Actor
from routing.services.base.errors import ServiceError
from routing.services.mappings.explain import Explanation, explain

_HOW = {Verdict.WORKS: "works", Verdict.FAILS: "FAILS", Verdict.UNKNOWN: "not known yet"}
# Clients that are named at the end of a line, rather than counted.
_MAX_NAMED = 1
_INDENT = " " * 12
_ONLY_SOME = "--client NAME shows and judges only some."


class Explain(Verb):
    """Reads only."""

    name = "explain"
    help = (
        "Show which mapping an image falls under, where it points to, and what each client will meet. Exit status 3 "
        "where no mapping covers it, or where any client fails: of all clients, or of those that --client names. What "
        "is not known yet is no failure."
    )
    missing = Status.NOT_SO

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Which image, and for whom."""
        parser.add_argument("image", metavar="IMAGE", help="such as docker.acme.com/acme/app:1.0")
        parser.add_argument("--verbose", action="store_true", help="name every client that gets the same decision")
        parser.add_argument(
            "--client",
            action="append",
            metavar="NAME",
            help="show and judge only clients with this in their name, such as docker; may be given several times",
        )

    def run(self, options: Options, output: Output) -> None:
        """Print it."""
        found = explain(Actor.command_line(), options["image"])
        chosen = _chosen(found.client_support, options["client"] or [])
        output.facts(**_as_facts(found, chosen))
        _Page(output, options["verbose"]).print(found, chosen)
        failing = sum(outlook.verdict is Verdict.FAILS for outlook in chosen)
        if found.mapping is None:
            raise NotSo
        if failing:
            output.line(f"\n{failing} of {len(chosen)} clients fail: exit status {Status.NOT_SO:d}. {_ONLY_SOME}")
            raise NotSo


def _chosen(found: list[ClientSupport], names: list[str]) -> list[ClientSupport]:
    """Those of these clients. Raises ServiceError for a name that no client has."""
    for name in names:
        if not any(name.lower() in outlook.client.shown.lower() for outlook in found):
            known = ", ".join(outlook.client.shown for outlook in found)
            raise ServiceError(f"there is no client {name}; there are: {known}")
    wanted = [name.lower() for name in names] or [""]
    return [outlook for outlook in found if any(name in outlook.client.shown.lower() for name in wanted)]


def _as_facts(found: Explanation, chosen: list[ClientSupport]) -> dict[str, Any]:
    mapping, match = found.mapping, found.match
    return {
        "hostname": found.hostname.name,
        "tenant": found.hostname.tenant.slug,
        "mapping": None if mapping is None else mapping.source,
        "target": None if mapping is None else mapping.target,
        "registry": None if mapping is None else mapping.registry.origin,
        "upstream_name": match.upstream_name if match else None,
        "strategy": match.strategy if match else None,
        "pull": found.image.pull_command,
        "clients": [
            {
                "client": outlook.client.shown,
                "verdict": outlook.verdict,
                "reason": outlook.reason,
                "bytes_through_facade": outlook.bytes_through_facade,
                "steps": [step._asdict() for step in outlook.steps],
            }
            for outlook in chosen
        ],
        "advice": found.advice,
    }


class _Page:
    """The same, for people."""

    def __init__(self, output: Output, verbose: bool) -> None:
        self._line, self._verbose = output.line, verbose

    def print(self, found: Explanation, chosen: list[ClientSupport]) -> None:
        self._print_facts(found)
        self._print_endpoints(chosen)
        self._print_clients(chosen)
        if found.to_probe:
            self._line(f"\nTo find out: facade probe {found.to_probe}")
        for line in found.advice:
            self._line(f"\nNote: {line}")

    def _print_facts(self, found: Explanation) -> None:
        facts = [("hostname", found.hostname.name), ("tenant", found.hostname.tenant.slug)]
        if found.mapping is None or found.match is None:
            facts.append(("mapping", "none"))
        else:
            registry = found.mapping.registry
            shared = "shared" if registry.tenant_id is None else "the tenant's own"
            asks = {"none": "no token", "unknown": "not known yet"}.get(registry.auth, f"{registry.auth} credentials")
            facts += [
                ("mapping", str(found.mapping)),
                ("registry", f"{registry.name} ({registry.origin}, {shared}; asks for {asks})"),
                ("upstream name", found.match.upstream_name or "none: this is a namespace"),
                ("strategy", found.match.strategy),
                ("pull", found.image.pull_command),
            ]
        for label, value in facts:
            self._line(f"{label + ':':<15}{value}")

    def _print_endpoints(self, found: list[ClientSupport]) -> None:
        """The decision for each endpoint, once for all clients that get the same."""
        self._line("\nDecisions:")
        for steps in zip(*(outlook.steps for outlook in found), strict=True):
            same: dict[tuple[str, str, bool], list[str]] = {}
            for outlook, step in zip(found, steps, strict=True):
                key = (step.outcome, step.detail, step.after_challenge)
                same.setdefault(key, []).append(outlook.client.shown)
            for (outcome, detail, challenged), clients in same.items():
                how = f"{outcome} (after a token)" if challenged else outcome
                detail = detail.replace(SOME_DIGEST, "sha256:…")
                line = f"  {steps[0].endpoint:<10}{how:<26}{detail}"
                self._print_with_clients(line, clients if len(same) > 1 else [])

    def _print_clients(self, found: list[ClientSupport]) -> None:
        self._line("\nA pull by:")
        for outlook in found:
            outcomes = {step.endpoint: step.outcome for step in outlook.steps}
            self._line(
                f"  {outlook.client.shown:<34}{_HOW[outlook.verdict]:<15}"
                f"manifest {outcomes['manifest']}, layers {outcomes['blob']}; "
                f"through the facade: {outlook.bytes_through_facade}"
            )
        reasons: dict[str, list[str]] = {}
        for outlook in found:
            if outlook.reason:
                reasons.setdefault(outlook.reason, []).append(outlook.client.shown)
        for reason, clients in reasons.items():
            self._print_with_clients(f"\nWhy: {reason}", clients if len(clients) < len(found) else [])

    def _print_with_clients(self, line: str, clients: list[str]) -> None:
        """A line with the clients that it is about: one and a count, or below it every one. None: all clients."""
        if not self._verbose and len(clients) > _MAX_NAMED:
            self._line(f"{line}  [{clients[0]} and {len(clients) - 1} more]")
        elif not self._verbose and clients:
            self._line(f"{line}  [{'; '.join(clients)}]")
        else:
            self._line(line)
            # No name is broken: a blank within one is none to textwrap.
            names = "; ".join(client.replace(" ", "\N{NO-BREAK SPACE}") for client in clients)
            for names_line in textwrap.wrap(names, shutil.get_terminal_size().columns - len(_INDENT)):
                self._line(_INDENT + names_line.replace("\N{NO-BREAK SPACE}", " "))
