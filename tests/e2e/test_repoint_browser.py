"""While a loop pulls through four workers, a repoint in the admin moves the pulls to another registry within a second.

The second registry has other content under the same name. As after any move, it also holds what the first one served
(by digest), so that a pull that had its manifest before the repoint finds its layers after it; the first one knows
nothing of the second one's.
"""

from collections.abc import Iterator
from itertools import pairwise

import pytest

from tests.e2e.browser import Browser
from tests.e2e.facade import Facade, facade_on
from tests.e2e.lab import addresses, images
from tests.e2e.lab.registry import Registry
from tests.e2e.puller import USER_AGENT, Pull, PullLoop

WORKERS = 4
HOST, NAME, TAG = "docker.acme.test", "acme/app", "1.0"
WITHIN_SECONDS = 1.0
# Of each worker, before the repoint and again after it.
PULLS = 5

# When the answer to the last form came: the answer is a redirect, and the page that is open is where it led to.
_SAVED_AT = """
const navigation = performance.getEntriesByType("navigation")[0];
return navigation.redirectCount === 1 ? (performance.timeOrigin + navigation.redirectEnd) / 1000 : null;
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def facade(request: pytest.FixtureRequest) -> Iterator[Facade]:
    with facade_on(request.param, workers=WORKERS) as running:
        yield running


@pytest.fixture(scope="module")
def registries() -> Iterator[tuple[Registry, Registry]]:
    old, new = images.build("old"), images.build("new")
    with Registry(addresses.SPARE[10]) as first, Registry(addresses.SPARE[11]) as second:
        first.push(old, NAME, TAG)
        second.push(old, NAME, "as-it-was")
        second.push(new, NAME, TAG)
        yield first, second


def repoint(browser: Browser, target: str) -> float:
    """Repoint the one mapping in the admin; gives when the answer came, in seconds since the epoch."""
    browser.open("/admin/routing/mapping/")
    browser.find("#result_list .field-route a").click()
    browser.until(lambda: browser.count(".effect"), "the mapping's page")
    browser.type(target=target, reason="the old registry changed its rules")
    browser.press("Save")
    assert "Repointed" in browser.message
    saved_at = browser.script(_SAVED_AT)
    assert saved_at is not None
    return float(saved_at)


def test_a_repoint_moves_the_pulls_within_a_second(facade: Facade, registries: tuple[Registry, Registry]) -> None:
    first, second = registries
    facade.manage("add_mapping", HOST, "acme", f"{first.url}/acme")
    assert len(facade.worker_pids()) == WORKERS
    facade.wait_for(f"/v2/{NAME}/manifests/{TAG}", 307, host=HOST, headers={"User-Agent": USER_AGENT})

    with Browser(facade) as browser:
        browser.sign_in()
        with PullLoop(facade, HOST, [NAME], TAG) as loop:
            loop.wait(PULLS, lambda pull: pull.marker == "old", "of the first registry's image")
            saved_at = repoint(browser, f"{second.url}/acme")
            due_at = saved_at + WITHIN_SECONDS
            loop.wait(PULLS, lambda pull: pull.started_at > due_at, "after the repoint")
        assert browser.complaints() == []

    assert [pull.error for pull in loop.pulls if pull.error] == []
    check_every_answer(loop.pulls, first.url, second.url, saved_at)
    check_every_image(loop.pulls, saved_at)


def check_every_answer(pulls: list[Pull], old: str, new: str, saved_at: float) -> None:
    """No answer leads anywhere else, none back after one that leads on, none to the old registry when time is up."""
    answers = [(pull.worker, redirect) for pull in pulls for redirect in pull.redirects]
    assert {redirect.origin for _, redirect in answers} == {old, new}
    late = [
        (worker, redirect.asked_at - saved_at)
        for worker, redirect in answers
        if redirect.origin == old and redirect.asked_at > saved_at + WITHIN_SECONDS
    ]
    assert late == []
    for worker in {worker for worker, _ in answers}:
        moved_at = min(redirect.answered_at for by, redirect in answers if by == worker and redirect.origin == new)
        back = [redirect for by, redirect in answers if by == worker and redirect.asked_at > moved_at]
        assert {redirect.origin for redirect in back} == {new}
    for pull in pulls:
        assert all((a.origin, b.origin) != (new, old) for a, b in pairwise(pull.redirects))


def check_every_image(pulls: list[Pull], saved_at: float) -> None:
    """Each pull brought one image, whole: the old one before the repoint, the new one when time is up."""
    for pull in pulls:
        assert pull.marker in ("old", "new")
        if pull.redirects[0].answered_at < saved_at - WITHIN_SECONDS:
            assert pull.marker == "old"
        if pull.started_at > saved_at + WITHIN_SECONDS:
            assert pull.marker == "new"
