"""ShardedMap behaves as a dict does, and a map that was derived from leaves the one before it alone."""

from __future__ import annotations

import sys

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from routing.core.table.sharded_map import ShardedMap
from tests.examples import examples

KEYS = st.text("abc/", max_size=4)
CHANGES = st.dictionaries(KEYS, st.none() | st.integers(), max_size=6)


class SameAsDict(RuleBasedStateMachine):
    """The same changes to a ShardedMap and to a dict; every map that ever was is kept, with what it held."""

    @initialize(entries=st.lists(st.tuples(KEYS, st.integers()), max_size=20), size=st.sampled_from([0, 1, 9000]))
    def start(self, entries: list[tuple[str, int]], size: int) -> None:
        self.map = ShardedMap(entries, expected_size=size)
        self.model = dict(entries)
        self.past = [(self.map, dict(self.model))]

    @rule(changes=CHANGES)
    def replace(self, changes: dict[str, int | None]) -> None:
        self.map = self.map.replace(changes)
        for key, value in changes.items():
            if value is None:
                self.model.pop(key, None)
            else:
                self.model[key] = value
        self.past.append((self.map, dict(self.model)))

    @rule(key=KEYS)
    def get(self, key: str) -> None:
        assert self.map.get(key) == self.model.get(key)

    @invariant()
    def every_map_holds_what_it_held(self) -> None:
        for past, model in self.past:
            assert dict(past.items()) == model
            assert len(past) == len(model)


SameAsDict.TestCase.settings = settings(max_examples=examples(100), stateful_step_count=15, deadline=None)
TestSameAsDict = SameAsDict.TestCase


def test_it_grows_beyond_what_was_expected() -> None:
    """By far more than the shards that it began with are meant for, so that it is laid out anew on the way."""
    grown: ShardedMap[int] = ShardedMap()
    halfway = grown
    for start in range(0, 40_000, 1000):
        grown = grown.replace({str(number): number for number in range(start, start + 1000)})
        halfway = grown if start == 19_000 else halfway

    assert len(grown) == 40_000
    assert all(grown.get(str(number)) == number for number in range(40_000))
    assert len(halfway) == 20_000
    assert halfway.get("20000") is None


def test_no_change_is_the_same_map() -> None:
    same = ShardedMap([("a", 1)])

    assert same.replace({}) is same


def test_what_was_built_is_left_alone_by_changes() -> None:
    """Processes share it: not even a reference in it is counted anew."""
    entries = [(f"key {number}", f"value {number}") for number in range(20_000)]
    large = ShardedMap(entries, expected_size=len(entries))
    before = [sys.getrefcount(text) for entry in entries for text in entry]

    changed = large
    for number in range(0, 2_000, 2):
        changed = changed.replace({f"key {number}": "new", f"key {number + 1}": None, f"other {number}": "more"})

    assert [sys.getrefcount(text) for entry in entries for text in entry] == before
    assert len(changed) == 20_000
    assert (changed.get("key 0"), changed.get("key 1"), changed.get("other 0")) == ("new", None, "more")
    assert len(dict(changed.items())) == 20_000


def test_a_large_map_whose_entries_all_change_is_laid_out_anew() -> None:
    entries = {str(number): number for number in range(40_000)}
    changed = ShardedMap(entries.items(), expected_size=len(entries))
    for start in range(0, 40_000, 1000):
        changed = changed.replace({str(number): -number for number in range(start, start + 1000)})
    for start in range(1000, 40_000, 1000):
        changed = changed.replace({str(number): None for number in range(start, start + 1000)})
        changed = changed.replace({str(number): None for number in range(start, start + 1000)})

    assert dict(changed.items()) == {str(number): -number for number in range(1000)}
    assert len(changed) == 1000
    changed = changed.replace({"0": 7, "x": 8})
    assert (changed.get("0"), changed.get("x"), changed.get("1"), len(changed)) == (7, 8, -1, 1001)
