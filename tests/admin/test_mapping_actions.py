"""Enabling, disabling and removing several mappings at once."""

import re
from collections.abc import Callable

import pytest

from routing.admin.base import bulk
from routing.admin.base.forms import REASON_NEEDED
from routing.core.table.routing_table import Table
from routing.models import Generation, Mapping
from tests.admin.conftest import AdminClient, add, errors_of, messages_of, text_of


@pytest.fixture
def three(db: None) -> list[Mapping]:
    return [add("docker.acme.com", name, f"ghcr.io/{name}") for name in ("one", "two", "three")]


def test_a_page_shows_what_would_happen_and_does_nothing_yet(admin: AdminClient, three: list[Mapping]) -> None:
    answer = admin.act("switch_off", three[:2])

    page = text_of(answer)
    assert "Disable 2 mappings" in page
    assert "docker.acme.com/one → ghcr.io/one" in page
    assert "docker.acme.com/three" not in page
    assert Mapping.objects.filter(enabled=True).count() == 3


def test_disable_and_enable(admin: AdminClient, three: list[Mapping], table: Callable[[], Table]) -> None:
    answer = admin.act("switch_off", three[:2], confirmed="yes", reason="unpaid")

    assert messages_of(answer) == "Disabled docker.acme.com/one, docker.acme.com/two."
    assert list(Mapping.objects.filter(enabled=False)) == three[:2][::1]
    past = three[0].history.latest()
    assert (past.actor, past.history_change_reason) == ("olga", "unpaid")
    match = table().match_repository("docker.acme.com", "one/app")
    assert match is not None
    assert not match.flags & 1

    answer = admin.act("switch_on", three, confirmed="yes")

    assert messages_of(answer) == "Enabled docker.acme.com/one, docker.acme.com/two."
    assert Mapping.objects.filter(enabled=True).count() == 3


def test_switching_what_is_so_already_writes_nothing(admin: AdminClient, three: list[Mapping]) -> None:
    before = Generation.objects.get().value

    answer = admin.act("switch_on", three, confirmed="yes")

    assert "Nothing to change" in messages_of(answer)
    assert Generation.objects.get().value == before


def test_remove(admin: AdminClient, three: list[Mapping], table: Callable[[], Table]) -> None:
    answer = admin.act("remove_all", three[1:], confirmed="yes", reason="moved away")

    assert messages_of(answer) == "Removed docker.acme.com/three → ghcr.io/three, docker.acme.com/two → ghcr.io/two."
    assert list(Mapping.objects.all()) == three[:1]
    assert table().match_repository("docker.acme.com", "two/app") is None
    past = Mapping.history.filter(id=three[1].pk).latest()
    assert (past.history_type, past.actor, past.history_change_reason) == ("-", "olga", "moved away")


def test_too_many_at_once_are_refused(
    admin: AdminClient, three: list[Mapping], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "MOST_AT_ONCE", 2)

    answer = admin.act("remove_all", three, confirmed="yes", reason="moved")

    assert messages_of(answer) == "Choose at most 2 mappings at once."
    assert Mapping.objects.count() == 3


def test_what_went_missing_meanwhile_is_left_out(admin: AdminClient, three: list[Mapping]) -> None:
    gone = three[0]
    chosen = [*three]
    pk = gone.pk
    admin.act("remove_all", [gone], confirmed="yes", reason="moved")
    gone.pk = pk

    answer = admin.act("switch_off", chosen, confirmed="yes", reason="unpaid")

    assert messages_of(answer) == "Disabled docker.acme.com/three, docker.acme.com/two."


@pytest.mark.parametrize("action", ["switch_off", "remove_all"])
def test_what_hurts_takes_a_reason(admin: AdminClient, three: list[Mapping], action: str) -> None:
    before = Generation.objects.get().value

    asked = admin.act(action, three)
    refused = admin.act(action, three, confirmed="yes", reason="  ")

    assert re.search(r'<input type="text" name="reason" [^>]*required', asked.content.decode())
    assert "Say why" in text_of(refused)
    assert Generation.objects.get().value == before


def test_so_does_removing_from_the_page_and_disabling_in_the_form(admin: AdminClient, mapping: Mapping) -> None:
    asked = admin.client.post(admin.url("mapping_delete", mapping.pk))
    disabled = admin.fill("mapping_change", mapping.pk, enabled=False)
    of_hostname = admin.fill("hostname_change", mapping.hostname_id, enabled=False)

    assert "Say why" in text_of(asked)
    assert errors_of(disabled) == {"reason": [REASON_NEEDED]}
    assert errors_of(of_hostname) == {"reason": [REASON_NEEDED]}
    assert Mapping.objects.get().enabled
    # What serves again hurts nobody.
    admin.fill("mapping_change", mapping.pk, enabled=False, reason="unpaid")
    assert "Repointed" not in messages_of(admin.fill("mapping_change", mapping.pk, enabled=True, reason=""))
    assert Mapping.objects.get().enabled


def test_before_a_mapping_goes_its_page_says_what_clients_get_then(admin: AdminClient, mapping: Mapping) -> None:
    def said() -> str:
        return text_of(admin.get("mapping_delete", mapping.pk))

    lone = said()
    wider = Mapping.objects.create(hostname=mapping.hostname, registry=mapping.registry, upstream_prefix="all")
    beside_a_wider_one = said()
    Mapping.objects.filter(pk=wider.pk).update(enabled=False)
    beside_a_disabled_one = said()

    assert f"Whoever pulls {mapping.source} is refused from then on, for no other mapping covers it." in lone
    assert f"Whoever pulls {mapping.source} is served by the mapping {wider} from then on." in beside_a_wider_one
    assert f"The mapping {wider} covers {mapping.source} from then on. It refuses clients: disabled." in (
        beside_a_disabled_one
    )


@pytest.mark.parametrize("noun", ["mapping", "hostname", "registry", "tenant"])
def test_every_way_back_is_called_cancel(admin: AdminClient, mapping: Mapping, noun: str) -> None:
    hostname = mapping.hostname
    rows = {"mapping": mapping, "hostname": hostname, "registry": mapping.registry, "tenant": hostname.tenant}

    page = admin.get(f"{noun}_delete", rows[noun].pk).content.decode()

    assert ">Cancel</a>" in page
