"""What the model takes for true at which moment: a test that takes everything for true would find nothing."""

from __future__ import annotations

import math

from tests.e2e.model.truth import Answer, Holding, Route, Truth
from tests.e2e.model.watch import Said

KEY = ("anna.test", "p0")
OLD: Answer = (307, "http://127.0.0.1:1/v2/old/app/manifests/1.0")
NEW: Answer = (307, "http://127.0.0.1:1/v2/new/app/manifests/1.0")


def changed(started: float, finished: float) -> Truth:
    truth = Truth()
    truth.begin(KEY, OLD)
    truth.change(KEY, NEW, started, finished)
    return truth


def problem(truth: Truth, answer: Answer, asked: float, age: float | None = 0.1, status: str = "ok") -> str:
    readiness = {"confirmed_seconds_ago": age, "status": status}
    return Said(1, asked, asked + 0.01, readiness, KEY, answer).problem(truth)


def test_while_a_change_is_made_both_are_true() -> None:
    truth = changed(10, 12)

    assert not problem(truth, OLD, 11)
    assert not problem(truth, NEW, 11)


def test_nothing_is_true_before_somebody_wants_it() -> None:
    assert "was not true then" in problem(changed(10, 12), NEW, 9)


def test_the_former_answer_is_right_for_a_second_and_as_long_as_the_table_is_old() -> None:
    truth = changed(10, 12)

    assert not problem(truth, OLD, 12.9)
    assert not problem(truth, OLD, 14.9, age=2)
    assert "was not true then" in problem(truth, OLD, 14.9, age=1)


def test_who_says_nothing_of_an_old_table_is_wrong_even_where_nothing_has_changed() -> None:
    truth = changed(10, 12)

    assert "is not called stale" in problem(truth, NEW, 100, age=30)
    assert not problem(truth, NEW, 100, age=30, status="stale")
    assert "is not called stale" in problem(truth, NEW, 100, age=None)
    assert not problem(truth, OLD, 100, age=None, status="stale")


def test_what_was_told_to_nobody_ends_nothing_until_it_is_told() -> None:
    truth = changed(10, math.inf)
    assert not problem(truth, OLD, 1000)

    truth.change(KEY, (404, ""), 2000, 2001)
    assert "was not true then" in problem(truth, OLD, 2010)
    assert "was not true then" in problem(truth, NEW, 2010)


def test_only_the_newest_is_left_after_quiet() -> None:
    truth = changed(10, math.inf)

    truth.forget(truth.keys)

    assert "was not true then" in problem(truth, OLD, 11)
    assert not problem(truth, NEW, 9)


def test_an_answer_follows_from_the_rows() -> None:
    holding = Holding({"p0": Route(1, "up", enabled=True)}, {1: "http://127.0.0.1:1"}, suspended=False)

    assert holding.answer("p0") == (307, "http://127.0.0.1:1/v2/up/app/manifests/1.0")
    assert holding.answer("p1") == (404, "")
    assert holding.with_route("p0", Route(1, "up", enabled=False)).answer("p0") == (403, "")
    assert holding.with_origin(1, "http://127.0.0.1:2").answer("p0")[1].startswith("http://127.0.0.1:2/")
