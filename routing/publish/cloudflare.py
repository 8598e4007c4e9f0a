"""The rules as a Worker of Cloudflare: the tables as JSON, and a program of our own that reads them as the others do.

JSON is JavaScript (ECMAScript 2019, “JSON superset”), so nothing of a text can be a statement. What the Worker doesn't
answer it hands to the zone's origin, which is the app.
"""

import json
from importlib.resources import files

from routing.publish import patterns
from routing.publish.documents import Export, File, Surroundings
from routing.publish.patterns import RULINGS, What
from routing.publish.remarks import remark_lines
from routing.publish.rules import Rules

NAME = "worker.js"
OWN_REMARKS = (
    "the app is the origin of the zone; the Worker's route has to cover all of its hostnames",
    "a script has 10 MB at most: some fifty thousand mappings. More are for another engine",
)


def cloudflare(rules: Rules, around: Surroundings) -> Export:
    """One file, a module."""
    tables = {
        "scheme": around.scheme,
        "cache": f"max-age={around.max_age_seconds}" if around.max_age_seconds else "no-store",
        "kinds": [(patterns.CONTENT, What.CONTENT), (patterns.LIST, What.LIST), (patterns.PING, What.PING)],
        "short": patterns.SHORT,
        "authority": patterns.AUTHORITY,
        "below": patterns.BELOW,
        "least": [patterns.fits_least(number) for number in (0, 1, 2)],
        "rulings": [(pattern, verdict.value) for pattern, verdict in RULINGS],
        "clients": patterns.client_classes(rules.clients),
        "depth": max(rules.depths, default=0),
        "hosts": [(rule.name, (rule.letter, rule.text)) for rule in rules.hosts],
        "prefixes": [(rule.key, (rule.letter, rule.least, rule.base)) for rule in rules.prefixes],
    }
    head = [f"Written by “facade export_routes”: the routing table of generation {rules.generation}. Don't edit."]
    lines = [f"// {line}" for line in (*head, *remark_lines(rules.remarks, OWN_REMARKS))]
    program = files("routing.publish").joinpath("worker.js").read_text()
    return Export((File(NAME, "\n".join([*lines, f"const RULES = {json.dumps(tables)};", program])),))
