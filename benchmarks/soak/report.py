"""What the soak found, against its marks."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from benchmarks.soak.cores import Share, table_of
from benchmarks.soak.stage import MAX_CONNECTIONS
from benchmarks.soak.workers import Watch

# Slower than that the machine is busy with something else, and the run says nothing.
MAX_QUIET_SECONDS = 0.1
MAX_REDIRECTS_RATIO = 3.0
MAX_RELAY_SECONDS = 2.0
# Of a worker, from the third quarter of the time to the last.
MAX_GROWTH = 0.05
# A thread for each of asgiref's and the event loop's executors, the table's, and the interpreter's own.
MAX_THREADS = 64
# Connections of clients, relays (FACADE_MAX_RELAYS), and what the process itself holds.
MAX_FILES = MAX_CONNECTIONS + 512 + 256
# Of a redirect in the quiet run, where the clock of the client itself is coarser than the server is quick.
_COARSE_SECONDS = 0.001


class Verdict(NamedTuple):
    """One mark, what was measured, and whether it holds."""

    what: str
    measured: str
    mark: str
    holds: bool


class Findings(NamedTuple):
    """One run: the database, its length, what the innocent met, what the attacks did, what the workers held, and who
    had the cores.
    """

    database: str
    seconds: float
    quiet: dict[str, Any]
    attacked: dict[str, Any]
    attackers: dict[str, Any]
    watch: Watch
    tracebacks: int
    shares: Sequence[Share] = ()


def judge(found: Findings) -> list[Verdict]:
    """Each mark of the soak."""
    quiet, attacked = found.quiet["redirects"]["p99"], found.attacked["redirects"]["p99"]
    ratio = attacked / max(quiet, _COARSE_SECONDS)
    slowest = max(found.attacked[kind]["slowest"] for kind in ("relays", "blobs"))
    wrong = _wrong(found.attacked)
    held, broken = list(found.watch.held.values()), found.attackers["broken"]
    return [
        Verdict(
            "p99 of redirects in the quiet run", _ms(quiet), _at_most(MAX_QUIET_SECONDS), quiet <= MAX_QUIET_SECONDS
        ),
        Verdict(
            "p99 of redirects",
            f"{_ms(attacked)}, {ratio:.1f} × of {_ms(quiet)} in the quiet run",
            f"≤ {MAX_REDIRECTS_RATIO:g} ×",
            ratio <= MAX_REDIRECTS_RATIO,
        ),
        Verdict("slowest relay", _ms(slowest), _at_most(MAX_RELAY_SECONDS), slowest <= MAX_RELAY_SECONDS),
        Verdict("wrong answers to the innocent", wrong or "none", "none", not wrong),
        _memory(found.watch),
        _most("threads of a worker", [max(each.threads) for each in held if each.threads], MAX_THREADS),
        _most("descriptors of a worker", [max(each.files) for each in held if each.files], MAX_FILES),
        Verdict("workers that were replaced", str(found.watch.replaced), "0", found.watch.replaced == 0),
        Verdict("attacks that broke off", "; ".join(broken) or "none", "none", not broken),
    ]


def _memory(watch: Watch) -> Verdict:
    """Of the worker that grew most, said with its kind: the others answer registry clients."""
    grown, pid = max(((held.growth(), pid) for pid, held in watch.held.items()), default=(0.0, 0))
    memory = watch.held[pid].memory if pid else []
    kind = "a worker" if pid in watch.first else "the control worker"
    measured = f"{grown:+.1%} ({kind}, at most {max(memory, default=0) / 2**20:.0f} MiB)"
    return Verdict("memory of a worker in the second half", measured, f"≤ {MAX_GROWTH:+.0%}", grown <= MAX_GROWTH)


def _most(what: str, measured: list[int], limit: int) -> Verdict:
    most = max(measured, default=0)
    return Verdict(what, str(most), f"≤ {limit}", most <= limit)


def _wrong(seen: dict[str, Any]) -> str:
    return "; ".join(
        f"{kind}: {word} × {number}" for kind, found in seen.items() for word, number in found["wrong"].items()
    )


def told(found: Findings, verdicts: list[Verdict]) -> str:
    """The run in Markdown."""
    lines = [f"### {found.database}, {found.seconds:g} s", "", "| mark | measured | holds |", "|---|---|---|"]
    lines += [
        f"| {each.what} {each.mark} | {each.measured} | {'yes' if each.holds else '**no**'} |" for each in verdicts
    ]
    lines += ["", "| the innocent's | number | median | p99 | slowest | p99 when quiet |", "|---|---|---|---|---|---|"]
    for kind, seen in found.attacked.items():
        times = " | ".join(_ms(seen[name]) for name in ("median", "p99", "slowest"))
        quiet = _ms(found.quiet[kind]["p99"]) if kind in found.quiet else "–"
        lines.append(f"| {kind} | {seen['number']} | {times} | {quiet} |")
    lines += ["", "| attack | at most | what came of it |", "|---|---|---|"]
    for attack in found.attackers["attacks"]:
        outcomes = ", ".join(f"{word} × {number}" for word, number in sorted(attack["outcomes"].items()))
        lines.append(f"| {attack['numbers']}: {attack['what']} | {attack['rate']} | {outcomes or 'nothing yet'} |")
    lines += ["", *table_of(found.shares)]
    lines += [
        "",
        f"The busiest worker used {found.watch.cpu:.0%} of a core. Tracebacks in the server's log: {found.tracebacks}.",
    ]
    return "\n".join(lines)


def _at_most(seconds: float) -> str:
    return f"≤ {_ms(seconds)}"


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.1f} s"
