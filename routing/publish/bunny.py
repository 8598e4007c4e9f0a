"""What of the rules Bunny's edge rules can say: the bodies for its API, one for each mapping that always redirects.

Source: bunny.net's documentation of “Add/Update Edge Rule” and of “Dynamic variables”. `%{Path.2-}` is what the path
has from its third component on. Texts are names and addresses alone: others are refused, or `%{…}` would be a variable.
"""

import json
import re
from typing import Any

from routing.publish.documents import Export, File, Surroundings, Unquotable
from routing.publish.netlify import plain_redirects
from routing.publish.remarks import remark_lines
from routing.publish.rules import Rules

NAME = "edge-rules.json"
OWN_REMARKS = (
    "only mappings that are redirect-only are redirected here",
    "names and tags are not judged here: what is under a mapping's path is redirected",
    "wildcards, and a mapping below which another one isn't redirect-only, are left out with all that is below",
    "the app is the origin of the pull zone, and caching has to be off there",
)
_WORD = re.compile(r"[a-z0-9:/._-]+")


def bunny(rules: Rules, _: Surroundings) -> Export:
    """One file: what is to be posted to `/pullzone/{id}/edgerules/addOrUpdate`, each in turn. Raises Unquotable."""
    found = [_rule(rule.key, rule.base, rule.depth, place) for place, rule in enumerate(plain_redirects(rules))]
    document = {
        "written_by": f"facade export_routes: the routing table of generation {rules.generation}; don't edit",
        "remarks": remark_lines(rules.remarks, OWN_REMARKS),
        "edge_rules": found,
    }
    return Export((File(NAME, json.dumps(document, indent=1) + "\n"),))


def _rule(key: str, base: str, depth: int, place: int) -> dict[str, Any]:
    host, _, prefix = key.partition("/")
    path = f"{prefix}/" if prefix else ""
    return {
        "ActionType": "Redirect",
        "ActionParameter1": f"{_word(base)}/%{{Path.{depth + 1}-}}",
        "ActionParameter2": "307",
        "Triggers": [
            _trigger("Url", f"*://{_word(host)}/v2/{_word(path) if path else ''}*"),
            _trigger("RequestMethod", "GET", "HEAD"),
        ],
        "TriggerMatchingType": "MatchAll",
        "Description": f"Registry Facade: {_word(key)}",
        "Enabled": True,
        "OrderIndex": place,
    }


def _trigger(kind: str, *patterns: str) -> dict[str, Any]:
    return {"Type": kind, "PatternMatches": list(patterns), "PatternMatchingType": "MatchAny"}


def _word(text: str) -> str:
    if _WORD.fullmatch(text) is None:
        raise Unquotable(f"Bunny can't be told {text[:80]!r}: it has other characters than names and addresses have")
    return text
