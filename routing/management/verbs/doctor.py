"""The doctor at the command line: a deployment, a hostname, or an image, from outside in."""

from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from routing.core.grammar.hosts import is_wildcard, wildcard_above
from routing.diagnosis.hostname import diagnose_hostname
from routing.diagnosis.itself import diagnose_deployment
from routing.diagnosis.pull import Image
from routing.diagnosis.report import Mark, Report, Step
from routing.management.verbs.output import Output
from routing.management.verbs.verb import NotSo, Options, Status, Verb
from routing.models import Hostname
from routing.services.base.actor import Actor
from routing.services.base.errors import NotFound
from routing.services.hostnames.names import parse_hostname
from routing.services.mappings.explain import parse_image

_INDENT = " " * 4


class Doctor(Verb):
    """It changes nothing."""

    name = "doctor"
    help = (
        "Find out what keeps clients out, and say what to do: of a hostname, from its DNS to a layer, as docker, "
        "containerd, podman and Helm pull; without one, of the deployment itself. Exit status 3 where something does."
    )
    missing = Status.NOT_SO

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Of what."""
        parser.add_argument(
            "subject",
            nargs="?",
            metavar="HOSTNAME",
            help="such as docker.acme.com; or an image there, such as docker.acme.com/acme/app:1.0 (default: the "
            "deployment itself)",
        )

    def run(self, options: Options, output: Output) -> None:
        """Look, and say what was found."""
        report = _look(options["subject"])
        output.facts(ok=report.is_good, steps=[step_facts(step) for step in report.steps])
        print_steps(report.steps, output)
        if not report.is_good:
            raise NotSo


def _look(subject: str | None) -> Report:
    if subject is None:
        return diagnose_deployment()
    actor = Actor.command_line()
    if "/" in subject:
        parsed = parse_image(subject)
        image = Image(parsed.name, parsed.reference if parsed.reference in subject else "")
        served = _serving(parsed.hostname)
        return diagnose_hostname(actor, hostname_id=served.pk, host=parsed.hostname, image=image)
    name = parse_hostname(subject)
    return diagnose_hostname(actor, hostname_id=_serving(name).pk, host="" if is_wildcard(name) else name)


def _serving(name: str) -> Hostname:
    """The hostname of that name, or the wildcard that stands for it. Raises NotFound."""
    found = Hostname.objects.filter(name=name).first() or Hostname.objects.filter(name=wildcard_above(name)).first()
    if found is None:
        raise NotFound(f"there is no hostname {name}", at_command_line="; “facade hostname list” shows those there are")
    return found


def step_facts(step: Step) -> dict[str, Any]:
    """A step, for programs."""
    return {**step._asdict(), "mark": step.mark.value}


def print_steps(steps: Sequence[Step], output: Output) -> None:
    """The steps, one a line, and what comes of them in all."""
    width = max((len(step.name) for step in steps), default=0)
    for step in steps:
        took = f" ({step.milliseconds} ms)" if step.mark is not Mark.SKIPPED else ""
        output.line(f"{step.mark.sign} {step.name:<{width}}  {step.came or step.asked}{took}")
        if step.mark is not Mark.GOOD and step.asked:
            output.line(f"{_INDENT}asked: {step.asked}")
        if step.advice:
            output.line(f"{_INDENT}do: {step.advice}")
    bad = [step for step in steps if step.mark is Mark.BAD]
    output.line()
    output.line(f"{len(bad)} of {len(steps)} steps keep clients out." if bad else "Nothing keeps clients out.")
