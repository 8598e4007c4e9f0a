"""A document is applied as a whole, says what it does, and what is exported is what was applied."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as with_settings
from hypothesis import strategies as st

from routing.models import Confirmation, Generation, Hostname, Mapping, Registry, Tenant
from routing.services.base.actor import Actor
from routing.services.base.dry_run import dry_run
from routing.services.base.errors import Conflict, ServiceError
from routing.services.configuration.apply import Plan, apply_document
from routing.services.configuration.current import current_document
from routing.services.configuration.document import Document
from routing.services.configuration.reading import read_document
from routing.services.configuration.writing import write_document
from routing.services.mappings.former import former_target

pytestmark = pytest.mark.django_db
ME = Actor.command_line()
#: What the policy is of which a document says nothing.
OPEN: dict[str, Any] = {"allowed_registries": "", "needs_clean_reports": False, "needs_approval": False}
TEXT = """
version: 1
registries:
  - origin: https://ghcr.io
    name: GitHub
tenants:
  - slug: acme
    name: Acme
    max_mappings: 7
    registries:
      - origin: https://quay.io
        name: Quay
      - origin: https://ghcr.io
        name: Our own
    hostnames:
      - name: docker.acme.com
        login_registry: https://quay.io
        mappings:
          - prefix: acme
            registry: https://ghcr.io
            upstream_prefix: acme-inc
          - prefix: shared
            registry: shared:https://ghcr.io
            upstream_prefix: shared
            private: true
            delivery: redirect-only
            enabled: false
"""


def apply(text: str, **options: Any) -> Plan:
    return apply_document(ME, "because", read_document(text), **options)


def exported(*slugs: str) -> str:
    return "".join(write_document(current_document(ME, slugs)))


def test_what_a_document_says_is_so_and_its_export_says_the_same() -> None:
    Registry.objects.all().delete()
    apply(TEXT)

    assert set(by_name(current_document(ME))) == set(by_name(read_document(TEXT)))
    mapping = Mapping.objects.with_names().get(prefix="shared")
    assert (mapping.registry.tenant, mapping.private, mapping.enabled) == (None, True, False)
    assert Mapping.objects.with_names().get(prefix="acme").registry.name == "Our own"
    assert apply(exported()).steps == ()


LABELLED = """
version: 1
registries:
  - {origin: "https://ghcr.io", name: GitHub, labels: "b a"}
tenants:
  - slug: acme
    name: Acme
    registries:
      - {origin: "https://quay.io", name: Quay, labels: paid}
    hostnames:
      - name: docker.acme.com
        labels: "team=web"
        mappings:
          - {prefix: acme, registry: "https://ghcr.io", upstream_prefix: acme, labels: "z, team=web"}
          - {prefix: none, registry: "https://ghcr.io", upstream_prefix: none}
"""


def labels_of_all() -> list[str]:
    return [
        *Registry.objects.order_by("origin").values_list("labels", flat=True),
        *Hostname.objects.values_list("labels", flat=True),
        *Mapping.objects.order_by("prefix").values_list("labels", flat=True),
    ]


def test_labels_come_and_go_by_a_document_and_stay_where_it_says_nothing_of_them() -> None:
    Registry.objects.all().delete()
    apply(LABELLED)
    whole, labels = exported(), labels_of_all()

    assert labels == ["a b", "paid", "team=web", "team=web z", ""]
    assert apply(LABELLED).steps == apply(whole, prune=True).steps == ()
    assert 'labels: "a b"' in whole
    assert whole.count("labels:") == 4
    # A document from before there were labels takes none away.
    silent = re.sub(r",? labels: (\"[^\"]*\"|paid)|labels: \"team=web\"", "", LABELLED)
    assert "labels" not in silent
    assert apply(silent).steps == ()
    assert labels_of_all() == labels
    # One that says that there are none does.
    assert len(apply(whole.replace('"team=web z"', '""')).steps) == 1
    assert labels_of_all()[3] == ""
    apply(whole)
    assert (labels_of_all(), exported()) == (labels, whole)


def test_what_is_no_label_names_its_line() -> None:
    with pytest.raises(ServiceError, match=r"line 11: hostname docker.acme.com: “Team” is no label"):
        apply(LABELLED.replace('labels: "team=web"', "labels: Team"))
    with pytest.raises(ServiceError, match=r"line 4: shared registry https://ghcr.io: b stands here twice"):
        apply(LABELLED.replace('"b a"', '"b b=a"'))


def test_every_step_has_who_and_why() -> None:
    apply(TEXT)

    for row in (Tenant.objects.get(slug="acme"), Hostname.objects.get(), Mapping.objects.get(prefix="acme")):
        past = row.history.first()
        assert (past.actor, past.history_change_reason) == (ME.label, "because")


def test_a_plan_is_shown_as_a_diff() -> None:
    apply(TEXT)

    with dry_run():
        plan = apply(TEXT.replace("acme-inc", "acme").replace("max_mappings: 7", "max_mappings: 8"))

    assert plan.lines() == [
        "~ tenant acme",
        "    max_mappings: 7 → 8",
        "~ mapping docker.acme.com/acme",
        "    upstream_prefix: 'acme-inc' → 'acme'",
    ]
    assert Mapping.objects.get(prefix="acme").upstream_prefix == "acme-inc"


def test_nothing_is_done_of_a_document_of_which_a_part_can_t_be() -> None:
    bad = TEXT.replace("registry: shared:https://ghcr.io", "registry: https://elsewhere.example")

    with pytest.raises(ServiceError) as refusal:
        apply(bad)

    assert "line 22: mapping docker.acme.com/shared: there is no registry https://elsewhere.example" in str(
        refusal.value
    )
    assert not Tenant.objects.filter(slug="acme").exists()


def test_rules_hold_and_name_the_line() -> None:
    with pytest.raises(ServiceError, match=r"^line \d+: mapping docker.acme.com/a//b: "):
        apply(TEXT.replace("prefix: acme\n", 'prefix: "a//b"\n'))


def test_what_a_document_does_not_name_stays_unless_it_is_pruned() -> None:
    apply(TEXT)
    less = TEXT.partition("          - prefix: shared")[0]
    less = less.replace("      - origin: https://quay.io\n        name: Quay\n", "").replace(
        "        login_registry: https://quay.io\n", ""
    )

    assert [step.what for step in apply(less).steps] == ["hostname docker.acme.com"]
    pruned = apply(less, prune=True)

    assert [f"{step.sign} {step.what}" for step in pruned.steps][:2] == [
        "- mapping docker.acme.com/shared",
        "- registry https://quay.io of tenant acme",
    ]
    told = [replace(tenant, **OPEN) for tenant in read_document(less).tenants]
    assert list(current_document(ME, ["acme"]).tenants) == told
    assert apply(less, prune=True).steps == ()


def test_tenants_that_a_document_does_not_name_are_never_touched() -> None:
    apply(TEXT)

    assert apply("version: 1", prune=True).steps == ()
    assert Mapping.objects.filter(hostname__tenant__slug="acme").count() == 2


def test_a_hostname_of_another_tenant_is_not_taken() -> None:
    apply(TEXT)

    with pytest.raises(Conflict, match="belongs to tenant acme, and not to globex: hand it over first"):
        apply("version: 1\ntenants:\n- slug: globex\n  name: Globex\n  hostnames:\n  - name: docker.acme.com\n")


def test_a_plan_that_was_agreed_to_is_done_and_no_other() -> None:
    with dry_run():
        agreed = apply(TEXT).checksum

    with pytest.raises(Conflict, match="the plan is another one now"):
        apply(TEXT.replace("acme-inc", "other"), checksum=agreed)
    apply(TEXT, checksum=agreed)

    with pytest.raises(Conflict, match="nothing was done"):
        apply(TEXT, checksum=agreed)


def test_a_repointed_mapping_forgets_what_was_found_where_it_was() -> None:
    apply(TEXT)
    Mapping.objects.filter(prefix="acme").update(public="yes", probed_repository="acme-inc/app")

    apply(TEXT.replace("acme-inc", "other"))

    assert Mapping.objects.get(prefix="acme").public == "unknown"


NAMES = st.sampled_from(["a", "b/c", "d-e"])
ORIGINS = st.sampled_from(["https://ghcr.io", "https://quay.io", "https://r.example:5000"])


@st.composite
def documents(draw: st.DrawFn) -> str:
    """Documents that can be applied: every registry that is named is listed."""
    shared = draw(st.lists(ORIGINS, unique=True))
    lines = ["version: 1", "registries:" if shared else "registries: []"]
    lines += [f"- {{origin: {origin}, name: Shared}}" for origin in shared]
    lines.append("tenants:")
    for number, slug in enumerate(("x", "y")):
        own = draw(st.lists(ORIGINS, unique=True))
        lines += [f"- slug: {slug}x", f"  name: Tenant {slug}", f"  max_members: {draw(st.integers(0, 9))}"]
        lines += ["  registries:", *(f"  - {{origin: {origin}, name: Own}}" for origin in own)] if own else []
        known = [*own, *(f"shared:{origin}" if origin in own else origin for origin in shared)]
        lines.append("  hostnames:")
        for host in draw(st.lists(st.sampled_from(["h", "*.w"]), unique=True, min_size=1)):
            lines += [f'  - name: "{host}{number}.example"', f"    enabled: {str(draw(st.booleans())).lower()}"]
            prefixes = draw(st.lists(NAMES, unique=True)) if known else []
            lines += ["    mappings:"] if prefixes else []
            for prefix in prefixes:
                registry, upstream = draw(st.sampled_from(known)), draw(NAMES)
                private = str(draw(st.booleans())).lower()
                target = f'registry: "{registry}", upstream_prefix: "{upstream}"'
                lines.append(f'    - {{prefix: "{prefix}", {target}, private: {private}}}')
    return "\n".join(lines)


@st.composite
def standbys(draw: st.DrawFn) -> list[tuple[str, int, bool]]:
    """For mappings, one after the other: the standby's prefix, "" for none, when they are led back, and whether they
    have failed over.
    """
    each = st.tuples(st.just("") | NAMES, st.sampled_from([0, 300]), st.booleans())
    return draw(st.lists(each, max_size=6))


def stand_by(drawn: list[tuple[str, int, bool]]) -> None:
    """Give mappings a standby at a registry that they may use, where there is another one than theirs."""
    for mapping, (prefix, seconds, failed_over) in zip(
        Mapping.objects.with_names().order_by("pk"), drawn, strict=False
    ):
        registries = Registry.objects.exclude(pk=mapping.registry_id).order_by("pk")
        registry = registries.filter(Q(tenant=None) | Q(tenant=mapping.hostname.tenant_id)).last()
        if registry is None or not prefix:
            continue
        places = [(mapping.registry, mapping.upstream_prefix), (registry, prefix)]
        here, there = reversed(places) if failed_over else places
        Mapping.objects.filter(pk=mapping.pk).update(
            registry=here[0],
            upstream_prefix=here[1],
            standby_registry=there[0],
            standby_prefix=there[1],
            standby_return_seconds=seconds,
            failed_over_at=timezone.now() if failed_over else None,
        )


@with_settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(document=documents(), drawn=standbys())
def test_apply_of_an_export_is_the_same_with_standbys(document: str, drawn: list[tuple[str, int, bool]]) -> None:
    with transaction.atomic():
        Registry.objects.all().delete()
        apply(document)
        stand_by(drawn)
        rows, whole = list(Mapping.objects.values()), exported()
        # The one says the standbys, the other nothing of them.
        assert apply(whole, prune=True).steps == ()
        assert apply(document, prune=True).steps == ()
        assert (list(Mapping.objects.values()), exported()) == (rows, whole)
        transaction.set_rollback(True)


@with_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=documents(), second=documents())
def test_apply_of_an_export_is_the_same(first: str, second: str) -> None:
    with transaction.atomic():
        Registry.objects.all().delete()
        apply(first)
        whole = exported()
        assert set(by_name(read_document(whole))) == set(by_name(read_document(first)))
        assert apply(whole, prune=True).steps == ()
        apply(second, prune=True)
        assert set(by_name(current_document(ME))) == set(by_name(read_document(second)))
        apply(whole, prune=True)
        assert exported() == whole
        transaction.set_rollback(True)


def by_name(document: Document) -> list[object]:
    """Its entries, whatever their order."""
    found: list[object] = [*(document.registries or ())]
    for tenant in document.tenants:
        found += [(tenant.slug, entry) for entry in tenant.registries]
        for host in tenant.hostnames:
            found += [
                (tenant.slug, host.name, host.enabled, host.login_registry),
                *((host.name, entry) for entry in host.mappings),
            ]
    return found


def test_what_moves_has_a_former_target_and_the_platform_has_vouched_for_it() -> None:
    apply(TEXT)
    mapping = Mapping.objects.with_names().get(prefix="acme")
    assert former_target(mapping) is None

    apply(TEXT.replace("acme-inc", "elsewhere"))

    now = former_target(Mapping.objects.with_names().get(pk=mapping.pk))
    assert now is not None
    assert now.target == mapping.target
    assert Confirmation.objects.get().generation == Generation.objects.get().value
