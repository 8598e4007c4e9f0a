"""Waiting until what was changed is live on all workers, for the verbs that can."""

from argparse import ArgumentParser

from routing.management.verbs.output import Output
from routing.management.verbs.verb import NotSo, Options
from routing.services.base.dry_run import is_dry_run
from routing.services.base.live_on import wait_until_live

_SECONDS = 30.0


def add_wait(parser: ArgumentParser) -> None:
    """The option."""
    parser.add_argument(
        "--wait",
        nargs="?",
        type=float,
        const=_SECONDS,
        metavar="SECONDS",
        help=f"until it is live on all workers of all servers, for so long at most ({_SECONDS:.0f}); exit status 3 "
        "where it isn't by then",
    )


def wait_for_workers(options: Options, output: Output, generation: int | None = None) -> None:
    """Wait, where that was asked for. `generation`: None for the newest. Raises NotSo."""
    if options["wait"] is None or is_dry_run():
        return
    found = wait_until_live(options["wait"], generation)
    output.facts(live={"generation": found.generation, "live": found.live, "processes": found.processes})
    output.line(f"Live on {found.live} of {found.processes}.")
    if found.is_live:
        return
    for said in dict.fromkeys(found.behind):
        output.line(f"Behind: {said}.")
    if not found.processes:
        raise NotSo("It is done, but no server is running, or none reaches the database.")
    raise NotSo(f"It is done, but not live on all of them after {options['wait']:g} s.")
