"""What of the rules Netlify's `_redirects` can say: one line a mapping that is redirected for everybody.

Source: Netlify's documentation of redirects and rewrites. A line is words between blanks, so what has other characters
than names have is refused. It knows no methods, clients or expressions.
"""

import re
from collections.abc import Iterator

from routing.core.grammar.hosts import is_wildcard
from routing.publish.documents import Export, File, Surroundings, Unquotable
from routing.publish.remarks import remark_lines
from routing.publish.rules import Letter, PrefixRule, Rules

NAME = "_redirects"
OWN_REMARKS = (
    "only mappings that are redirect-only are redirected here, whatever the method, and writes with them",
    "names and tags are not judged here: what is under a mapping's path is redirected",
    "wildcards, and a mapping below which another one isn't redirect-only, are left out with all that is below",
    "without --app everything else is Netlify's own 404",
)
_WORD = re.compile(r"https?://[a-z0-9.:-]+(?:/[a-z0-9._/-]*)?(?:\*|:splat)?")


def netlify(rules: Rules, around: Surroundings) -> Export:
    """One file. Raises Unquotable."""
    lines = [f"# Written by “facade export_routes”: the routing table of generation {rules.generation}. Don't edit."]
    lines += [f"# {line}" for line in remark_lines(rules.remarks, OWN_REMARKS)]
    for rule in plain_redirects(rules):
        host, _, prefix = rule.key.partition("/")
        path = f"{prefix}/" if prefix else ""
        lines.append(_line(f"https://{host}/v2/{path}*", f"{rule.base}/:splat", "307!"))
    pings = [host for host in rules.hosts if host.letter is Letter.LEADS and not is_wildcard(host.name)]
    lines += [_line(f"https://{host.name}/v2/", host.text, "307!") for host in pings]
    if around.app:
        lines.append(f"/* {_word(f'{around.scheme}://{around.app}/:splat')} 200!")
    return Export((File(NAME, "\n".join([*lines, ""])),))


def plain_redirects(rules: Rules) -> Iterator[PrefixRule]:
    """Mappings that redirect everything below them, and below which no other mapping says otherwise.

    Those with more components come first.
    """
    served = {host.name for host in rules.hosts if host.is_served and not is_wildcard(host.name)}
    others = {above for rule in rules.prefixes if not _is_plain(rule) for above in _above(rule.key)}
    for rule in sorted(rules.prefixes, key=lambda rule: (-rule.depth, rule.key)):
        if _is_plain(rule) and rule.key not in others and rule.key.partition("/")[0] in served:
            yield rule


def _is_plain(rule: PrefixRule) -> bool:
    return rule.letter is Letter.REDIRECT_ONLY and rule.least == 0


def _above(key: str) -> Iterator[str]:
    """The keys of all mappings that a key could lie below."""
    host, _, prefix = key.partition("/")
    while prefix:
        prefix = prefix.rpartition("/")[0]
        yield f"{host}/{prefix}"


def _line(source: str, target: str, status: str) -> str:
    return f"{_word(source)} {_word(target)} {status}"


def _word(text: str) -> str:
    if _WORD.fullmatch(text) is None:
        raise Unquotable(f"Netlify can't be told {text[:80]!r}: it has other characters than names and addresses have")
    return text
