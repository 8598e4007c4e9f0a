"""How `make mutants` reads mutmut, and what the list of explained changes may look like."""

from __future__ import annotations

import pytest

from tests.mutants import EXPLAINED, Mutant, read_diff, read_explained, read_results

DIFF = """\
--- routing/core/hosts.py
+++ routing/core/hosts.py
@@ -1,3 +1,3 @@
 def is_wildcard(name: str) -> bool:
-    return name.startswith("*.")
+    return name.startswith("XX*.XX")
"""


def test_a_change_is_known_by_its_function_and_lines() -> None:
    lines = ('- return name.startswith("*.")', '+ return name.startswith("XX*.XX")')

    assert read_diff("routing.core.hosts.x_is_wildcard__mutmut_2", DIFF) == Mutant(
        "routing.core.hosts.is_wildcard", lines
    )
    assert read_diff("routing.core.table.xǁTableǁfind__mutmut_11", DIFF).function == "routing.core.table.Table.find"


def test_results_are_read() -> None:
    text = "    routing.core.hosts.x_is_wildcard__mutmut_2: survived\n    a.x_b__mutmut_1: not checked\nother\n"

    assert list(read_results(text)) == [
        ("routing.core.hosts.x_is_wildcard__mutmut_2", "survived"),
        ("a.x_b__mutmut_1", "not checked"),
    ]


def test_an_explanation_has_a_reason() -> None:
    assert read_explained("# head\n\na.b\n- x\n+ y\nBecause it\nis so.\n") == {
        Mutant("a.b", ("- x", "+ y")): "Because it is so."
    }
    with pytest.raises(ValueError, match="no reason"):
        read_explained("a.b\n- x\n+ y\n")
    with pytest.raises(ValueError, match="second time"):
        read_explained("a.b\n- x\n+ y\nso\n\na.b\n- x\n+ y\nso\n")


def test_the_list_can_be_read() -> None:
    read_explained(EXPLAINED.read_text())
