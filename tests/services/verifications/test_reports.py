"""What a report finds: each kind of difference, made with real registries over sockets."""

from __future__ import annotations

import json
import threading
import time
from datetime import timedelta

import pytest
from django.utils import timezone

from routing.jobs.kinds import VERIFICATIONS, places
from routing.jobs.queue import claim
from routing.models import Job, Mapping, Verification
from routing.registries.exceptions import RegistryError
from routing.services.base.actor import Actor
from routing.services.base.errors import NotFound, ServiceError, TooManyRequests
from routing.services.verifications import steps, verifications
from routing.services.verifications.candidates import Candidate
from routing.services.verifications.verifications import Options, make_report, start_verification, stop_verification
from routing.verification.comparison import Pair
from routing.verification.differences import Difference
from tests.conftest import Person
from tests.jobs_done import do_jobs
from tests.registries.faulty_server import Behaviour, Exchange, FaultyServer
from tests.registries.small_registry import digest_of
from tests.verification.moves import APP, HOST, Move, filled, found_in

pytestmark = pytest.mark.django_db


def test_what_is_the_same_at_both_is_clean(move: Move) -> None:
    row = filled(move).report()

    assert (found_in(row), row.state, row.is_clean) == ([], "done", True)
    assert (row.total, row.compared) == (3, 3)
    assert row.cost["counted_pulls"] == row.counted_pulls == 0


def test_bytes_come_from_the_candidate_so_that_the_old_registry_counts_no_pull(move: Move) -> None:
    filled(move).report()

    assert move.old.gets_of_manifests() == 0


def test_a_missing_tag_is_found_with_what_would_have_to_be_copied(move: Move) -> None:
    filled(move).new.remove_manifest(APP, "2.0")

    row = move.report()

    assert found_in(row) == [("missing-tag", "2.0")]
    (found,) = row.differences.all()
    assert found.old_digest == digest_of(move.old.manifests[APP]["2.0"][1])
    assert (found.source, found.old_repository, found.new_repository) == (f"{HOST}/{APP}", APP, APP)
    assert (row.counts, row.difference_count) == ({"missing-tag": 1}, 1)


def test_another_digest_is_found(move: Move) -> None:
    filled(move).new.put_image(APP, "1.0", "tampered")

    assert found_in(move.report()) == [("other-digest", "1.0")]


def test_an_index_that_lost_a_platform_says_which(move: Move) -> None:
    filled(move).new.put_index(APP, "multi", "multi", ("amd64",))

    row = move.report()

    assert found_in(row) == [("other-digest", "multi"), ("missing-platform", "multi")]
    assert row.differences.get(kind="missing-platform").detail == "linux/arm64"


def test_an_index_whose_image_was_not_copied_says_which(move: Move) -> None:
    filled(move)
    arm = next(
        digest for digest, (_, body) in move.new.manifests[APP].items() if b"layers" in body and is_arm(move, digest)
    )
    move.new.remove_manifest(APP, arm)

    row = move.report()

    assert found_in(row) == [("missing-platform", "multi")]
    assert row.differences.get().detail == "linux/arm64"


def is_arm(move: Move, digest: str) -> bool:
    index = move.new.manifests[APP]["multi"][1].decode()
    return f'"digest": "{digest}"' in index.partition("arm64")[0].rpartition("}, {")[2]


@pytest.mark.parametrize(("blobs", "is_found"), [("sample", False), ("all", True), ("none", False)])
def test_a_missing_layer_is_found_by_asking_for_all(move: Move, blobs: str, is_found: bool) -> None:
    filled(move).new.blobs[APP].remove(digest_of(b"app linux/amd64 layer 1"))

    row = move.report(blobs=blobs)

    assert found_in(row) == ([("missing-blob", "1.0")] if is_found else [])


def test_a_missing_config_is_found_by_a_sample(move: Move) -> None:
    filled(move)
    config = json.loads(move.new.manifests[APP]["1.0"][1])["config"]["digest"]
    move.new.blobs[APP].remove(config)

    row = move.report()

    assert found_in(row) == [("missing-blob", "1.0")]
    assert row.differences.get().detail == f"config {config}"


@pytest.mark.parametrize("suffix", ["sig", "att", "sbom"])
def test_what_cosign_has_beside_an_image_is_missed_by_its_own_name(move: Move, suffix: str) -> None:
    digest = digest_of(filled(move).old.manifests[APP]["1.0"][1])
    tag = f"{digest.replace(':', '-')}.{suffix}"
    move.old.put_image(APP, tag, "signature", layers=1)

    kind = "missing-signature" if suffix == "sig" else "missing-referrer"
    assert found_in(move.report()) == [(kind, tag)]


def test_it_is_missed_too_where_tags_are_not_listed(move: Move) -> None:
    digest = digest_of(filled(move).old.manifests[APP]["1.0"][1])
    tag = f"{digest.replace(':', '-')}.sig"
    move.old.put_image(APP, tag, "signature", layers=1)
    move.old.server.answers(f"/v2/{APP}/tags/list", 404)

    assert found_in(move.report(add=("1.0",))) == [("missing-signature", tag)]


@pytest.mark.parametrize("by_tag", [False, True])
def test_a_signature_that_refers_to_an_image_is_missed(move: Move, by_tag: bool) -> None:
    move.old.has_referrers_api = not by_tag
    digest = digest_of(filled(move).old.manifests[APP]["1.0"][1])
    signature = move.old.put_referrer(APP, digest, by_tag=by_tag)

    row = move.report()

    (found,) = row.differences.all()
    assert found.kind == "missing-signature"
    assert signature in found.detail
    fallback = digest.replace(":", "-")
    copied = digest_of(move.old.manifests[APP][fallback][1]) if by_tag else signature
    assert (found.reference, found.old_digest) == (fallback if by_tag else "1.0", copied)


def test_one_that_the_candidate_lists_by_its_api_instead_is_not_missed(move: Move) -> None:
    digest = digest_of(filled(move).old.manifests[APP]["1.0"][1])
    move.old.put_referrer(APP, digest, by_tag=True)
    move.new.has_referrers_api = True
    move.new.put_referrer(APP, digest, by_tag=False)

    assert found_in(move.report()) == []


def test_what_refers_to_an_image_and_signs_nothing_has_a_kind_of_its_own(move: Move) -> None:
    move.old.has_referrers_api = True
    digest = digest_of(filled(move).old.manifests[APP]["1.0"][1])
    move.old.put_referrer(APP, digest, "application/spdx+json", by_tag=False)

    assert found_in(move.report()) == [("missing-referrer", "1.0")]


def test_a_candidate_that_is_private_is_said_to_be(move: Move) -> None:
    filled(move).new.is_private = True

    row = move.report()

    assert {kind for kind, _ in found_in(row)} >= {"not-public"}
    assert row.counts["not-public"] == 3


def test_a_renamed_path_is_followed(move: Move) -> None:
    move.old.put_image(APP, "1.0")
    move.old.copy_to(move.new, {APP: "elsewhere/our-app"})

    assert move.report(to="elsewhere/our-app").is_clean
    assert found_in(move.report(mapping=Mapping.objects.get(), to="elsewhere/app")) == [("missing-tag", "1.0")]


def test_below_a_namespace_each_repository_is_compared_under_its_name(move: Move) -> None:
    for name in ("acme/app", "acme/tool", "other/app"):
        move.old.put_image(name, "1.0", name)
    move.old.copy_to(move.new, {"acme/app": "new/app", "acme/tool": "new/tool"})
    move.new.remove_manifest("new/tool", "1.0")

    row = move.report(move.mapping("team", "acme"), to="new")

    assert row.total == 2
    assert [(each.source, each.new_repository) for each in row.differences.all()] == [(f"{HOST}/team/tool", "new/tool")]


def test_where_nothing_is_listed_the_report_says_what_to_do(move: Move) -> None:
    move.old.server.answers("/v2/_catalog", 404)

    row = move.report(move.mapping("team", "acme"))

    assert found_in(row) == [("could-not-ask", "")]
    assert "add some, as in REPOSITORY:TAG" in row.differences.get().detail


def test_what_an_operator_adds_is_compared_and_a_mistyped_tag_is_told(move: Move) -> None:
    filled(move)
    move.old.server.answers("/v2/_catalog", 404)

    row = move.report(move.mapping("team", "acme"), to="acme", add=("app:1.0", "app:nope"))

    assert found_in(row) == [("no-such-tag", "nope")]
    assert row.total == 4


def test_a_candidate_that_answers_nobody_is_said_to_at_once(move: Move) -> None:
    filled(move).new.server.stop()

    row = move.report()

    assert found_in(row) == [("could-not-ask", "")]
    assert row.differences.get().detail.startswith("the candidate can't be asked")


def test_a_candidate_that_goes_down_half_way_leaves_the_rest_uncompared(
    move: Move, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "_TROUBLE_PAUSE_SECONDS", 0)
    monkeypatch.setattr(steps, "CONCURRENCY", 1)
    for number in range(20):
        move.old.put_image(APP, f"v{number}", str(number))
    move.old.copy_to(move.new)
    started = move.start()
    step(started)
    monkeypatch.setattr(steps, "_ERRANDS", 5)
    step(started)
    move.new.server.stop()

    row = make_report(started.pk)

    assert (row.state, row.compared) == ("failed", 5)
    (found,) = row.differences.all()
    assert (found.kind, found.reference) == ("could-not-ask", "")
    assert found.detail.startswith("15 of its references were not compared: ")


def test_a_candidate_that_comes_back_is_compared_to_the_end(move: Move, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(move)
    monkeypatch.setattr(steps, "_TROUBLE_PAUSE_SECONDS", 0)
    started = move.start()
    step(started)
    down = [True]
    real = Pair.compare

    async def compare(pair: Pair, reference: str) -> list[Difference]:
        if down[0]:
            raise RegistryError("registry.example", "it can't be reached")
        return await real(pair, reference)

    monkeypatch.setattr(Pair, "compare", compare)
    step(started)
    started.refresh_from_db()
    assert (started.compared, started.trouble) == (0, "it can't be reached")
    down[0] = False

    assert make_report(started.pk).is_clean


def step(row: Verification) -> None:
    """The next step alone."""
    ask = steps.begin_step(row.pk)
    assert ask is not None
    steps.settle_step(row.pk, ask())


def test_a_registry_with_a_limit_of_pulls_is_waited_for_and_compared_to_the_end(move: Move) -> None:
    filled(move)
    move.new.pulls_left = 2
    started = move.start()
    step(started)
    step(started)
    started.refresh_from_db()
    assert started.not_before is not None
    assert "429" in started.trouble
    move.new.pulls_left = None

    row = make_report(started.pk)

    assert (found_in(row), row.is_clean) == ([], True)
    assert row.finished_at is not None
    assert started.not_before <= row.finished_at


def test_one_that_lets_less_through_than_all_at_once_would_take_is_compared_to_the_end(move: Move) -> None:
    for number in range(16):
        move.old.put_image(APP, f"v{number}", str(number))
    move.old.copy_to(move.new)
    let_through(move.new.server, 14)

    row = move.report(blobs="all", max_seconds=120)

    assert (row.is_clean, row.compared) == (True, 16)


def let_through(server: FaultyServer, most: int) -> None:
    """So many requests, and 429 to the others; and as many again once it was left alone for a moment."""
    lock, asked = threading.Lock(), {"let": 0, "last": 0.0}

    def is_let() -> bool:
        with lock:
            now = time.monotonic()
            if now - asked["last"] > 0.5:
                asked["let"] = 0
            asked["last"] = now
            asked["let"] += 1
            return asked["let"] <= most

    def limited(behave: Behaviour) -> Behaviour:
        def answer(exchange: Exchange) -> None:
            if is_let():
                behave(exchange)
            else:
                exchange.answer(429, {"Retry-After": "1"})

        return answer

    for path, behave in list(server._behaviours.items()):
        server.on(path, limited(behave))


def test_with_a_limit_of_100_gets_none_is_counted_where_head_serves(move: Move) -> None:
    for number in range(150):
        move.old.put_image(APP, f"v{number}", str(number), layers=1)
    move.old.copy_to(move.new)
    move.old.pulls_left = 100

    row = move.report()

    assert (row.is_clean, row.compared, move.old.pulls_left) == (True, 150, 100)


def test_a_registry_that_lets_few_more_through_is_left_alone_in_time(move: Move) -> None:
    filled(move).new.remaining = "5;w=1"

    started = move.start()
    step(started)
    step(started)

    started.refresh_from_db()
    assert "lets only a few more requests through" in started.trouble
    move.new.remaining = ""
    assert make_report(started.pk).is_clean


def test_where_head_is_refused_get_tells_the_digest(move: Move) -> None:
    filled(move).new.answers_head = False

    assert move.report().is_clean


def test_a_private_registry_today_is_said_to_be_what_nobody_can_compare(move: Move) -> None:
    filled(move).old.is_private = True

    row = move.report()

    assert {kind for kind, _ in found_in(row)} == {"could-not-ask"}


def test_a_kind_of_client_that_could_not_pull_any_more_is_named(move: Move, platform: Actor) -> None:
    filled(move)
    move.old.redirects_blobs = True
    mapping = move.mapping()

    row = make_report(
        start_verification(
            platform,
            candidates=[Candidate(mapping.pk, f"{bearer(move)}/{APP}")],
        ).pk
    )

    refused = [found.detail for found in row.differences.filter(kind="refused-for-client")]
    assert any(said.startswith("podman: ") for said in refused)
    assert not any(said.startswith("docker (") for said in refused)


def bearer(move: Move) -> str:
    """The new registry, which asks for a token from now on that it gives to everybody, and has blobs inline."""
    server = move.new.server
    challenge = f'Bearer realm="{server.url}/token",service="new"'
    server.answers_json("/token", {"token": "t"})
    for path, behave in list(server._behaviours.items()):
        if path == "/token":
            continue

        def guarded(exchange, behave=behave):  # type: ignore[no-untyped-def]
            if exchange.request.headers.get("Authorization") == "Bearer t":
                behave(exchange)
            else:
                exchange.answer(401, {"WWW-Authenticate": challenge})

        server.on(path, guarded)
    return server.url


# ---------------------------------------------------------------- as a job
def test_jobs_make_the_report_without_anybody_waiting(move: Move) -> None:
    started = filled(move).start()

    do_jobs()

    started.refresh_from_db()
    assert (started.state, started.compared) == ("done", 3)
    assert not Job.objects.exists()


def test_what_a_killed_holder_had_begun_is_done_by_another_once_its_lease_ends(move: Move) -> None:
    started = filled(move).start()
    killed = claim({steps.VERIFY.name: steps.VERIFY}, VERIFICATIONS, places())
    assert killed is not None
    assert killed.lease_until is not None
    assert killed.lease_until - timezone.now() <= timedelta(seconds=30)
    do_jobs()
    started.refresh_from_db()
    assert started.state == "waiting"

    Job.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    do_jobs()

    started.refresh_from_db()
    assert (started.state, started.compared) == ("done", 3)


def test_what_is_found_after_another_did_the_step_counts_once(move: Move) -> None:
    filled(move).new.remove_manifest(APP, "1.0")
    started = move.start()
    step(started)
    late = steps.begin_step(started.pk)
    assert late is not None
    found = late()
    do_jobs()

    steps.settle_step(started.pk, found)

    started.refresh_from_db()
    assert (found_in(started), started.compared) == ([("missing-tag", "1.0")], 3)


def test_a_report_that_no_job_is_there_for_is_gone_on_with(move: Move) -> None:
    started = filled(move).start()
    Job.objects.all().delete()
    Verification.objects.update(changed_at=timezone.now() - timedelta(hours=1))

    steps.resume_forgotten()
    do_jobs()

    started.refresh_from_db()
    assert started.is_clean


def test_a_report_that_is_stopped_ends_and_keeps_what_it_has(move: Move, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(move).new.remove_manifest(APP, "1.0")
    monkeypatch.setattr(steps, "_ERRANDS", 1)
    started = move.start()
    step(started)
    step(started)

    stop_verification(move.actor, verification_id=started.pk)
    do_jobs()

    started.refresh_from_db()
    assert (started.state, started.compared, found_in(started)) == ("stopped", 1, [("missing-tag", "1.0")])


def test_one_that_takes_too_long_is_given_up_and_says_what_was_not_compared(move: Move) -> None:
    started = filled(move).start(max_seconds=60)
    step(started)
    Verification.objects.update(created_at=timezone.now() - timedelta(seconds=61))

    row = make_report(started.pk)

    assert row.state == "failed"
    assert row.differences.get().detail.startswith("3 of its references were not compared: the time of 60 s is over")


def test_the_cost_alone_compares_nothing(move: Move) -> None:
    row = filled(move).report(cost_only=True)

    assert (row.state, row.total, row.compared, found_in(row)) == ("done", 3, 0, [])
    assert row.cost["requests"] > 0


def test_of_very_many_references_some_are_compared_and_the_report_says_so(move: Move) -> None:
    row = filled(move).report(max_references=2)

    assert (row.total, row.notes) == (2, [f"{HOST}/{APP}: only 2 of 3 references are compared"])


# ---------------------------------------------------------------- bounds
def test_a_tenant_makes_so_many_at_once_and_keeps_the_newest(
    owner: Person, move: Move, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verifications, "MAX_UNFINISHED", 2)
    monkeypatch.setattr(verifications, "MAX_KEPT", 2)
    filled(move)
    mapping = move.mapping()
    candidates = [Candidate(mapping.pk, f"{move.new.url}/nowhere")]
    rows = [start_verification(owner.actor, candidates=candidates) for _ in range(2)]
    with pytest.raises(TooManyRequests, match="2 verifications are under way"):
        start_verification(owner.actor, candidates=candidates)
    do_jobs()

    last = start_verification(owner.actor, candidates=candidates)

    assert list(Verification.objects.values_list("pk", flat=True)) == [last.pk, rows[1].pk]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (Options(add=("not a tag!",)), "no tag, digest, or repository:tag"),
        (Options(blobs="some"), "none of none, sample, all"),
        (Options(max_references=0), "max references"),
    ],
)
def test_what_can_not_be_meant_is_refused(move: Move, options: Options, said: str) -> None:
    mapping = move.mapping()

    with pytest.raises(ServiceError, match=said):
        start_verification(move.actor, candidates=[Candidate(mapping.pk, f"{move.new.url}/x")], options=options)


def test_a_candidate_is_judged_as_a_repoint_is(owner: Person, outsider: Person, move: Move) -> None:
    mapping = move.mapping()

    with pytest.raises(ServiceError, match="all of"):
        start_verification(owner.actor, candidates=[Candidate(mapping.pk, "ghcr.io")])
    with pytest.raises(NotFound):
        start_verification(outsider.actor, candidates=[Candidate(mapping.pk, "ghcr.io/acme")])
    with pytest.raises(ServiceError, match="address at which no registry can be"):
        start_verification(owner.actor, candidates=[Candidate(mapping.pk, "https://169.254.169.254/x")])
    assert not Verification.objects.exists()
