from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st

from routing.registries.cache import ENTRY_OVERHEAD_BYTES, AnswerCache, CachedAnswer


def of_size(size: int) -> CachedAnswer:
    return CachedAnswer(b"x" * (size - ENTRY_OVERHEAD_BYTES))


def test_what_was_put_in_comes_out() -> None:
    cache = AnswerCache(100_000)
    answer = CachedAnswer(b"{}", (("Content-Type", "application/json"),))
    assert cache.put("digest", answer)
    assert cache.get("digest") is answer
    assert cache.get("other") is None


def test_the_least_recently_used_goes_first() -> None:
    cache = AnswerCache(3000, max_entry_bytes=1000)
    for key in "abc":
        cache.put(key, of_size(1000))
    cache.get("a")
    cache.put("d", of_size(1000))
    assert [key for key in "abcd" if cache.get(key)] == ["a", "c", "d"]


def test_one_that_is_too_large_is_not_kept_and_pushes_nothing_out() -> None:
    cache = AnswerCache(8000)
    cache.put("small", of_size(1000))
    assert not cache.put("large", of_size(1001))
    assert cache.get("large") is None
    assert cache.get("small") is not None


def test_a_larger_one_under_the_same_key_does_not_leave_the_old_one_behind() -> None:
    cache = AnswerCache(8000)
    cache.put("key", of_size(1000))
    cache.put("key", of_size(5000))
    assert cache.get("key") is None
    assert cache.size_bytes == 0


def test_clearing_forgets_all() -> None:
    cache = AnswerCache(8000)
    cache.put("key", of_size(1000))
    cache.clear()
    assert (cache.get("key"), cache.size_bytes, len(cache)) == (None, 0, 0)


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 3000)), max_size=60))
def test_the_bound_holds_whatever_is_put_in(puts: list[tuple[int, int]]) -> None:
    cache = AnswerCache(10_000, max_entry_bytes=4000)
    for key, size in puts:
        cache.put(key, CachedAnswer(b"x" * size))
        kept = [cache.get(number) for number in range(21)]
        assert cache.size_bytes == sum(answer.size_bytes for answer in kept if answer) <= 10_000


def test_threads_do_not_upset_its_books() -> None:
    cache = AnswerCache(20_000, max_entry_bytes=4000)

    def work(seed: int) -> None:
        for step in range(500):
            cache.put((seed * step) % 17, of_size(600 + (seed * step) % 900))
            cache.get(step % 17)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in (3, 5, 7, 11)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept = [cache.get(number) for number in range(17)]
    assert cache.size_bytes == sum(answer.size_bytes for answer in kept if answer) <= 20_000
