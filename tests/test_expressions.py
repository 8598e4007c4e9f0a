"""No regular expression takes more than linear time, whatever it is given.

Each one in the code is found in the source, with the way in which it is used, and fed texts that are made to hurt it:
what it repeats, repeated, with an end that does not fit. Twice the text may take little more than twice the time.
A new expression is tried without anybody's doing.
"""

from __future__ import annotations

import ast
import importlib
import re
import re._constants as constants  # type: ignore[import-not-found]
import re._parser as parser  # type: ignore[import-not-found]
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
_USES = frozenset({"match", "fullmatch", "search", "findall", "finditer", "sub", "split"})
# Each length is tried before the next: an exponential expression is found out by the first, before it takes for ever.
_LENGTHS = (20, 300, 3_000, 24_000)
# Linear matching takes some 10 to 50 ns a character. On a busy machine the CPU's time for it varies by a few times.
_SECONDS_A_CHARACTER = 400e-9
# What is over so soon hurts nobody, and is not measured well.
_QUICK_SECONDS = 0.003


class Use(NamedTuple):
    """An expression and a way in which the code uses it."""

    where: str
    pattern: re.Pattern[Any]
    method: str


def _uses() -> Iterator[Use]:
    for path in sorted((ROOT / "routing").rglob("*.py")):
        if "migrations" in path.parts:
            continue
        text = path.read_text()
        # An expression is compiled where it is used; to look at the tree of every module takes seconds.
        if not re.search(r"^import re$", text, re.MULTILINE):
            continue
        tree = ast.parse(text)
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        compiled = _compiled(name, text)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _USES:
                yield from _use(f"{name}:{node.lineno}", node, compiled)
        # Handed over by name, such as `_after(_SPACES, …)`, or given to Django: looked for everywhere.
        called = {name for node in ast.walk(tree) if (name := _called_name(node))}
        for alone in compiled.keys() - called:
            yield Use(f"{name}:{alone}", compiled[alone], "match")


def _called_name(node: ast.AST) -> str:
    """`_TOKEN` where `_TOKEN.match(…)` or the like is called, else ""."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _USES:
        return node.func.value.id if isinstance(node.func.value, ast.Name) else ""
    return ""


def _compiled(name: str, text: str) -> dict[str, re.Pattern[Any]]:
    if "re.compile" not in text:
        return {}
    module = importlib.import_module(name)
    return {key: value for key, value in vars(module).items() if isinstance(value, re.Pattern)}


def _use(where: str, call: ast.Call, compiled: dict[str, re.Pattern[Any]]) -> Iterator[Use]:
    function = call.func
    assert isinstance(function, ast.Attribute)
    owner = function.value
    if not isinstance(owner, ast.Name):
        return
    if owner.id in compiled:
        yield Use(where, compiled[owner.id], function.attr)
    elif owner.id == "re" and call.args and isinstance(call.args[0], ast.Constant):
        flags = next((keyword.value for keyword in call.keywords if keyword.arg == "flags"), None)
        yield Use(where, re.compile(call.args[0].value, re.DOTALL if flags is not None else 0), function.attr)


def hurtful(pattern: re.Pattern[Any], length: int) -> Iterator[str | bytes]:
    """Texts that begin as the expression wants, repeat something that it repeats, and end as it does not want."""
    text = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    tree = parser.parse(text, pattern.flags & ~re.UNICODE if isinstance(pattern.pattern, bytes) else pattern.flags)
    units = sorted({unit for unit in _units(tree) if unit})[:40]
    starts = ["", *dict.fromkeys(_starts(tree))][:12]
    for start in starts:
        for unit in units:
            for end in ("", "\x00", "!"):
                repeated = start + unit * (length // len(unit)) + end
                yield repeated if isinstance(pattern.pattern, str) else repeated.encode("latin-1", "replace")


def _units(tree: Any) -> Iterator[str]:
    """What the expression repeats, as short texts: each part, pairs of neighbours, and whole groups."""
    for operator, argument in tree:
        if operator in (constants.MAX_REPEAT, constants.MIN_REPEAT, constants.POSSESSIVE_REPEAT):
            inside = argument[2]
            yield _sample(inside)
            yield from (character for character in _characters(inside))
            yield from _units(inside)
        elif operator is constants.SUBPATTERN:
            yield from _units(argument[3])
        elif operator is constants.BRANCH:
            for branch in argument[1]:
                yield _sample(branch)
                yield from _units(branch)
        elif operator in (constants.ASSERT, constants.ASSERT_NOT):
            yield from _units(argument[1])
        elif operator is constants.ATOMIC_GROUP:
            yield from _units(argument)
    yield _sample(tree)


def _starts(tree: Any) -> Iterator[str]:
    """Beginnings of texts that match, up to each part."""
    for end in range(len(tree)):
        yield _sample(list(tree)[:end])


def _sample(tree: Iterable[Any]) -> str:
    """A text that the parts match, as far as that can be said without trying."""
    return "".join(_one(operator, argument) for operator, argument in tree)


def _one(operator: Any, argument: Any) -> str:
    if operator is constants.LITERAL:
        return chr(argument)
    if operator in (constants.IN, constants.ANY, constants.NOT_LITERAL, constants.CATEGORY):
        return next(iter(_characters([(operator, argument)])), "")
    if operator in (constants.MAX_REPEAT, constants.MIN_REPEAT, constants.POSSESSIVE_REPEAT):
        return _sample(argument[2]) * max(1, int(argument[0]))
    if operator is constants.SUBPATTERN:
        return _sample(argument[3])
    if operator is constants.BRANCH:
        return _sample(argument[1][0])
    return _sample(argument) if operator is constants.ATOMIC_GROUP else ""


def _characters(tree: Iterable[Any]) -> Iterator[str]:
    """Some of the characters that single parts stand for."""
    for operator, argument in tree:
        one = re.compile(_as_class(operator, argument), re.DOTALL) if _as_class(operator, argument) else None
        if one is not None:
            yield from [character for character in ' \ta0-A._"\\,;<:=/x\xe4' if one.fullmatch(character)][:5]


def _as_class(operator: Any, argument: Any) -> str:
    if operator is constants.ANY:
        return "."
    if operator is constants.LITERAL:
        return re.escape(chr(argument))
    if operator is constants.NOT_LITERAL:
        return f"[^{re.escape(chr(argument))}]"
    if operator is not constants.IN:
        return ""
    text = ""
    for kind, value in argument:
        if kind is constants.NEGATE:
            text += "^"
        elif kind is constants.LITERAL:
            text += re.escape(chr(value))
        elif kind is constants.RANGE:
            text += f"{re.escape(chr(value[0]))}-{re.escape(chr(value[1]))}"
        elif kind is constants.CATEGORY:
            text += {"CATEGORY_DIGIT": r"\d", "CATEGORY_SPACE": r"\s", "CATEGORY_WORD": r"\w"}.get(str(value), "")
    return f"[{text}]" if text not in ("", "^") else ""


def seconds(use: Use, text: str | bytes, enough: float) -> float:
    """The CPU time of one use; the least of several, until it is little enough."""
    arguments = ("" if isinstance(text, str) else b"", text) if use.method == "sub" else (text,)
    found = []
    for _ in range(3):
        began = time.process_time()
        result = getattr(use.pattern, use.method)(*arguments)
        if use.method == "finditer":
            list(result)
        found.append(time.process_time() - began)
        if found[-1] < enough:
            break
    return min(found)


def hurt_by(use: Use) -> str | None:
    """A text that takes more than linear time, in words; None where none was found."""
    for length in _LENGTHS:
        enough = max(_QUICK_SECONDS, length * _SECONDS_A_CHARACTER)
        for text in hurtful(use.pattern, length):
            taken = seconds(use, text, enough)
            if taken > enough:
                return f"{use.method} of {length} characters, {text[:40]!r}…, takes {taken:.3f} s"
    return None


USES = list(_uses())


@pytest.mark.parametrize("use", USES, ids=[f"{use.where}-{use.method}" for use in USES])
def test_time_grows_with_the_text_and_no_faster(use: Use) -> None:
    assert hurt_by(use) is None


@pytest.mark.parametrize(
    ("expression", "method"),
    [
        # A `Link` of blanks: from each blank, all that follow.
        (r"\s*<([^<>]*)>\s*((?:;[^,]*)?)", "findall"),
        (r"[a-z]+-[a-z]+-", "search"),
        (r"(?:a|a)*b", "match"),
        (r"[ \t]+$", "search"),
        (r"([a-z0-9]+[ ]*)*=", "match"),
        (r"a*a*b", "fullmatch"),
    ],
)
def test_an_expression_that_backtracks_is_found_out(expression: str, method: str) -> None:
    assert hurt_by(Use("here", re.compile(expression), method)) is not None


def test_the_expressions_that_meet_foreign_bytes_are_among_them() -> None:
    modules = {use.where.partition(":")[0] for use in USES}
    assert {
        "routing.registries.url",
        "routing.registries.auth.challenge",
        "routing.dataplane.upstream.rewrite",
    } <= modules
    assert {"routing.registries.auth.scopes", "routing.registries.auth.tokens", "routing.core.grammar.names"} <= modules
