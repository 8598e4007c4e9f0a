"""manage.py explain IMAGE"""

import shutil
import textwrap
from typing import Any

from django.core.management.base import CommandParser

from routing.core.client_support import SOME_DIGEST, ClientSupport, Verdict
from routing.management.service_command import ServiceCommand
from routing.services.base.actor import Actor
from routing.services.mappings.explain import Explanation, explain

_HOW = {Verdict.WORKS: "works", Verdict.FAILS: "FAILS", Verdict.UNKNOWN: "not known yet"}
# Clients that are named at the end of a line, rather than counted.
_MAX_NAMED = 1
_INDENT = " " * 12


class Command(ServiceCommand):
    help = "Show which mapping an image falls under, where it leads, and what each client will meet."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("image", help="such as docker.acme.com/acme/app:1.0")
        parser.add_argument("--verbose", action="store_true", help="name every client that gets the same decision")

    def handle(self, **options: Any) -> None:
        self.verbose = options["verbose"]
        with self.refusals():
            found = explain(Actor.command_line(), options["image"])
        self._print_facts(found)
        self._print_endpoints(found.client_support)
        self._print_clients(found.client_support)
        for line in found.advice:
            self.stdout.write(f"\nNote: {line}")

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
            self.stdout.write(f"{label + ':':<15}{value}")

    def _print_endpoints(self, found: list[ClientSupport]) -> None:
        """The decision for each endpoint, once for all clients that get the same."""
        self.stdout.write("\nDecisions:")
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
        self.stdout.write("\nA pull by:")
        for outlook in found:
            outcomes = {step.endpoint: step.outcome for step in outlook.steps}
            self.stdout.write(
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
        if not self.verbose and len(clients) > _MAX_NAMED:
            self.stdout.write(f"{line}  [{clients[0]} and {len(clients) - 1} more]")
        elif not self.verbose and clients:
            self.stdout.write(f"{line}  [{'; '.join(clients)}]")
        else:
            self.stdout.write(line)
            # No name is broken: a blank within one is none to textwrap.
            names = "; ".join(client.replace(" ", "\N{NO-BREAK SPACE}") for client in clients)
            for names_line in textwrap.wrap(names, shutil.get_terminal_size().columns - len(_INDENT)):
                self.stdout.write(_INDENT + names_line.replace("\N{NO-BREAK SPACE}", " "))
