"""What badges say: made by the regular work of counts, of self-tests, and of what the store of manifests remembers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from routing.core.pull_counts import Grain, start_of
from routing.dataplane.live.badges_file import HostBadges, Numbers, badges_file
from routing.management.maintenance import tell_badges
from routing.manifest_store.store import Repository, Tag, manifest_store
from routing.models import Hostname, PullCount, SelfTest
from routing.services.base.actor import Actor
from routing.services.base.permissions import PermissionDenied
from routing.services.hostnames.badges import newest_version, said_by_badges
from routing.services.hostnames.hostnames import update_hostname
from routing.services.leaving.hand_over import hand_over_hostname
from routing.services.mappings.mappings import add_mapping, update_mapping
from tests.admin.conftest import AdminClient, text_of
from tests.api.conftest import api_client_for
from tests.commands.facade import facade
from tests.conftest import Person

pytestmark = pytest.mark.django_db
HOST = "docker.acme.com"


@pytest.fixture(autouse=True)
def _state(settings: Settings, tmp_path: Path) -> Iterator[None]:
    settings.STATE_DIR = tmp_path
    settings.FACADE_MANIFEST_STORE_BYTES = 10**7
    badges_file.forget()
    yield
    badges_file.forget()


def show(person: Person, **changes: Any) -> None:
    facts = {"front_repositories": "acme/app\nacme/b", "badge_repositories": True, **changes}
    update_hostname(person.actor, "", hostname_id=person.hostname.pk, **facts)


def pulls(
    person: Person, number: int, *, days_ago: int = 0, repository: str = "acme/app", hostname: str = HOST
) -> None:
    at = start_of(Grain.DAY, timezone.now() - timedelta(days=days_ago))
    facts = {"grain": Grain.DAY, "at": at, "tenant": person.tenant, "hostname": hostname}
    PullCount.objects.create(key=str(PullCount.objects.count()), repository=repository, tags=number, **facts)


def test_what_is_not_public_is_not_in_it(owner: Person) -> None:
    pulls(owner, 50)
    update_hostname(owner.actor, "", hostname_id=owner.hostname.pk, front_repositories="acme/app")

    assert said_by_badges() == {}


def test_pulls_are_those_of_listed_repositories_in_all_and_in_thirty_days(owner: Person, outsider: Person) -> None:
    show(owner)
    pulls(owner, 5)
    pulls(owner, 7, days_ago=29)
    pulls(owner, 100, days_ago=32)
    pulls(owner, 1000, repository="acme/secret")
    pulls(outsider, 2000, hostname=outsider.hostname.name)

    assert said_by_badges()[HOST].repositories == {"acme/app": (112, 12, ""), "acme/b": (0, 0, "")}


def test_what_somebody_else_had_there_before_is_not_counted(owner: Person, outsider: Person) -> None:
    show(owner)
    pulls(outsider, 100)
    pulls(owner, 5)

    assert said_by_badges()[HOST].repositories["acme/app"] == (5, 5, "")


def test_the_self_tests_result_is_told_where_that_is_wanted(owner: Person) -> None:
    for passed, ago in ((True, 2), (False, 1)):
        at = timezone.now() - timedelta(hours=ago)
        SelfTest.objects.create(hostname=owner.hostname, at=at, passed=passed, is_scheduled=True)
    show(owner)
    assert said_by_badges()[HOST].passed is None

    show(owner, badge_self_test=True)
    assert said_by_badges()[HOST].passed is False


def test_more_hostnames_take_no_more_queries(owner: Person, outsider: Person) -> None:
    show(owner)
    with CaptureQueriesContext(connection) as few:
        said_by_badges()
    show(outsider)
    with CaptureQueriesContext(connection) as more:
        said_by_badges()

    assert len(more) == len(few)


# ---------------------------------------------------------------- versions
@pytest.mark.parametrize(
    ("tags", "newest"),
    [
        ([], ""),
        (["latest", "main", "sha-1"], ""),
        (["1.9", "1.10", "latest"], "1.10"),
        (["v1.2.3", "1.2.4-rc1", "1.2"], "v1.2.3"),
        (["1.2", "1.2.0.0"], "1.2.0.0"),
        (["20240101", "1.0"], "1.0"),
    ],
)
def test_the_newest_is_the_highest_that_is_a_version(tags: list[str], newest: str) -> None:
    assert newest_version(tags) == newest


def remember(*tags: str, via: str = "") -> None:
    store = manifest_store()
    assert store is not None
    for tag in tags:
        store.keep_tag(Repository("https://ghcr.io", "team/app", via), tag, Tag(f"sha256:{'0' * 64}", 1.0e9))


def test_a_version_is_what_this_machine_remembers_as_everybodys(
    owner: Person, platform: Actor, settings: Settings
) -> None:
    settings.FACADE_PROBE_ON_SAVE = False
    show(owner)
    mapping = add_mapping(platform, "", hostname=HOST, prefix="acme", target="ghcr.io/team").mapping
    assert said_by_badges()[HOST].repositories["acme/app"] == (0, 0, "")
    remember("1.9", "1.10", "latest")
    remember("7.0", via="a mapping that is published")

    assert said_by_badges()[HOST].repositories["acme/app"] == (0, 0, "1.10")

    update_mapping(platform, "", mapping_id=mapping.pk, private=True)
    assert said_by_badges()[HOST].repositories["acme/app"] == (0, 0, "")


def test_what_a_repository_refuses_by_now_is_no_version_of_it(
    owner: Person, platform: Actor, settings: Settings
) -> None:
    settings.FACADE_PROBE_ON_SAVE = False
    show(owner)
    add_mapping(platform, "", hostname=HOST, prefix="acme", target="ghcr.io/team")
    remember("1.9")
    store = manifest_store()
    assert store is not None

    store.refuse(Repository("https://ghcr.io", "team/app"), 2.0e9, forget=False)

    assert said_by_badges()[HOST].repositories["acme/app"] == (0, 0, "")


# ---------------------------------------------------------------- where it goes
def test_the_regular_work_leaves_it_for_the_workers(owner: Person) -> None:
    show(owner, badge_self_test=True)
    pulls(owner, 5)

    tell_badges()

    assert badges_file.of(HOST) == HostBadges(None, {"acme/app": Numbers(5, 5, ""), "acme/b": Numbers()})
    assert badges_file.of("other.acme.com") is None


# ---------------------------------------------------------------- who says so
def test_a_teammate_may_not_make_anything_public(owner: Person, teammate: Person) -> None:
    with pytest.raises(PermissionDenied):
        update_hostname(teammate.actor, "", hostname_id=owner.hostname.pk, badge_repositories=True)


def test_whoever_takes_a_hostname_over_begins_without_badges(owner: Person, outsider: Person, platform: Actor) -> None:
    show(owner, badge_self_test=True)

    hand_over_hostname(platform, "sold", hostname_id=owner.hostname.pk, tenant_id=outsider.tenant.pk)

    row = Hostname.objects.get(pk=owner.hostname.pk)
    assert (row.badge_repositories, row.badge_self_test, row.table_entry().badges) == (False, False, "")


def test_by_the_api_and_the_command(owner: Person) -> None:
    path = f"hostnames/{owner.hostname.pk}"
    api = api_client_for(owner)
    found = api.send("patch", path, badge_repositories=True, badge_self_test=True, front_repositories="acme/app").json()
    assert (found["badge_repositories"], found["badge_self_test"]) == (True, True)
    assert Hostname.objects.get(pk=owner.hostname.pk).table_entry().badges == "rt"
    assert f"{HOST}/-/badges/pulls/acme/app.svg" in facade("hostname", "front-door", HOST).out

    facade("hostname", "front-door", HOST, "--no-badges", "--no-self-test-badge")

    assert Hostname.objects.get(pk=owner.hostname.pk).table_entry().badges == ""
    assert "badge" not in facade("hostname", "front-door", HOST).out


def test_the_hostnames_page_shows_them_with_the_markdown_to_copy(owner: Person) -> None:
    owner.user.is_staff = True
    owner.user.save()
    admin = AdminClient(owner.user)
    assert "Markdown to copy" not in text_of(admin.get("hostname_change", owner.hostname.pk))
    show(owner, badge_self_test=True)

    page = admin.get("hostname_change", owner.hostname.pk).content.decode()

    assert 'alt="self-test: unknown"' in page
    text = page.replace("<wbr>", "")
    assert f"![pulls of acme/app](https://{HOST}/-/badges/pulls/acme/app.svg)" in text
    assert f"https://{HOST}/-/badges/version/acme/b.json" in text
