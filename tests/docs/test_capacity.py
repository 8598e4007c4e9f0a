"""The table of the capacity page follows from what was measured: new results, or other loads, write it anew.

.venv/bin/python -m tests.docs.test_capacity
"""

from __future__ import annotations

import re
from typing import NamedTuple

from tests.docs.pages import DOCS, ROOT

PAGE = DOCS / "explanation" / "capacity.md"
BEGIN, END = "<!-- capacity: begin -->\n", "<!-- capacity: end -->"
DAY = 86_400
#: Of the day's mean, at the busiest.
PEAK = 5
#: Microseconds of a handshake: decision 57.
HANDSHAKE = 500.0
#: A core that is used so far still answers a burst.
USED = 0.6


class Load(NamedTuple):
    """Requests a day; of these the share that is relayed, and that comes on a new connection by TLS."""

    words: str
    a_day: float
    relayed: float
    new: float


LOADS = (
    Load("a company: 1 million a day, half of them relayed", 1e6, 0.5, 0.25),
    Load("registry.k8s.io: 60 million a day, all redirected", 60e6, 0.0, 0.25),
    Load("the same, one in five relayed", 60e6, 0.2, 0.25),
    Load("a hundred times that: 6,000 million a day, all redirected", 6e9, 0.0, 0.25),
    Load("the same, one in five relayed", 6e9, 0.2, 0.25),
)


def microseconds(row: str) -> float:
    """What a request of that row of the results takes of a core."""
    text = (ROOT / "benchmarks" / "RESULTS.md").read_text()
    (line,) = [line for line in text.splitlines() if line.startswith(f"| {row} |")]
    return float(line.split("|")[4].replace(",", ""))


def table() -> str:
    redirect = microseconds("facade behind a proxy: each request from another client")
    relayed = microseconds("facade, a manifest relayed")
    rows = [
        "| load | requests a second at the peak | cores, redirects and relays | cores, handshakes | cores to have |"
    ]
    rows.append("|---|---:|---:|---:|---:|")
    for load in LOADS:
        peak = load.a_day / DAY * PEAK
        work = peak * (load.relayed * relayed + (1 - load.relayed) * redirect) / 1e6
        handshakes = peak * load.new * HANDSHAKE / 1e6
        wanted = (work + handshakes) / USED
        rows.append(f"| {load.words} | {peak:,.0f} | {work:,.2f} | {handshakes:,.2f} | {wanted:,.1f} |")
    return "\n".join([*rows, ""])


def test_the_page_follows_from_the_results() -> None:
    assert PAGE.read_text().partition(BEGIN)[2].partition(END)[0] == table()


def test_the_page_says_by_what_it_was_worked_out() -> None:
    text = PAGE.read_text()

    assert re.search(rf"{PEAK} times the day's mean", text)
    assert f"{HANDSHAKE:.0f} µs" in text


if __name__ == "__main__":
    before, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}{table()}{END}{rest.partition(END)[2]}")
