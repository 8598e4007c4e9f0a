"""Who sees and may do what in the admin: the permission module's answers, by every way in."""

from collections.abc import Callable

import pytest

from routing.models import Change, Hostname, Mapping, Membership, Tenant
from tests.admin.conftest import AdminClient, add, messages_of, text_of

Member = Callable[[Tenant, str], AdminClient]


@pytest.fixture
def theirs(db: None) -> Mapping:
    """docker.globex.com → registry.globex.com, of the tenant globex."""
    return add("docker.globex.com", "", "registry.globex.com/secret", tenant="globex", reason="globex secret")


def test_overview_filters_and_suggestions_show_ones_own_tenant_only(
    mapping: Mapping, theirs: Mapping, member: Member
) -> None:
    add("docker.acme.com", "other", "quay.io/acme")
    admin = member(mapping.hostname.tenant, "owner")

    for url in ("/admin/", admin.url("mapping_add"), admin.url("registry_add"), admin.url("mapping_changelist")):
        assert "globex" not in admin.client.get(url).content.decode(), url
    assert "2 mappings 1 hostname" in text_of(admin.client.get("/admin/"))


def test_other_tenants_rows_can_not_be_reached_by_their_ids(mapping: Mapping, theirs: Mapping, member: Member) -> None:
    admin = member(mapping.hostname.tenant, "owner")
    rows = {
        "mapping": theirs.pk,
        "hostname": theirs.hostname_id,
        "registry": theirs.registry_id,
        "tenant": theirs.hostname.tenant_id,
    }
    changes = Change.objects.count()

    for noun, pk in rows.items():
        for view in ("change", "delete", "history"):
            for answer in (
                admin.get(f"{noun}_{view}", pk),
                admin.client.post(admin.url(f"{noun}_{view}", pk), {"a": "b"}),
            ):
                assert answer.status_code in (302, 403, 404)
                assert b"secret" not in answer.content
    admin.act("remove_all", [theirs], confirmed="yes", reason="moved")
    admin.act("switch_off", [mapping, theirs], confirmed="yes", reason="moved")

    theirs.refresh_from_db()
    assert theirs.enabled
    # Of the whole, only switching off one's own went through.
    assert Change.objects.count() == changes + 1


def test_a_viewer_looks_and_changes_nothing(mapping: Mapping, member: Member) -> None:
    admin = member(mapping.hostname.tenant, "viewer")
    changes = Change.objects.count()

    page = text_of(admin.get("mapping_change", mapping.pk))
    assert "docker pull docker.acme.com/acme/IMAGE" in page
    assert "“moved in”" in page
    assert "Reason:" not in page
    for noun, pk in (
        ("mapping", mapping.pk),
        ("hostname", mapping.hostname_id),
        ("tenant", mapping.hostname.tenant_id),
    ):
        assert admin.get(f"{noun}_change", pk).status_code == 200
        assert (
            admin.client.post(admin.url(f"{noun}_change", pk), {"target": "quay.io/x", "reason": "x"}).status_code
            == 403
        )
        assert admin.client.post(admin.url(f"{noun}_delete", pk)).status_code == 403
        assert admin.get(f"{noun}_add").status_code == 403
    admin.act("remove_all", [mapping], confirmed="yes")

    assert Change.objects.count() == changes


def test_an_operator_repoints_but_does_not_touch_hostnames(mapping: Mapping, member: Member) -> None:
    admin = member(mapping.hostname.tenant, "operator")

    assert "Repointed" in messages_of(admin.fill("mapping_change", mapping.pk, target="quay.io/acme", reason="why not"))
    assert admin.client.post(admin.url("hostname_change", mapping.hostname_id), {"reason": "x"}).status_code == 403
    assert admin.get("hostname_add").status_code == 403


def test_an_operator_adds_a_mapping_to_their_own_hostnames_only(
    mapping: Mapping, theirs: Mapping, member: Member
) -> None:
    admin = member(mapping.hostname.tenant, "operator")
    new = {"prefix": "new", "target": "quay.io/acme"}

    admin.fill("mapping_add", hostname="docker.acme.com", **new)
    refused = [admin.fill("mapping_add", hostname=name, **new) for name in ("docker.globex.com", "nobodys.example.com")]

    assert Mapping.objects.filter(prefix="new").count() == 1
    # In the same words, whether somebody has the name or nobody.
    said = {answer.context["adminform"].form.errors["hostname"][0] for answer in refused}
    assert said == {"This is not a hostname of yours: claim and verify it first."}
    assert Hostname.objects.count() == 2


def test_a_tenant_can_not_lift_its_suspension_or_its_limits(mapping: Mapping, member: Member) -> None:
    admin = member(mapping.hostname.tenant, "owner")

    answer = admin.client.post(
        admin.url("tenant_change", mapping.hostname.tenant_id), {"name": "x", "slug": "x", "max_mappings": "9"}
    )
    admin.fill(
        "hostname_change",
        mapping.hostname_id,
        suspension_message="none of yours",
        suspended="on",
        enabled=False,
        reason="moved",
    )

    assert answer.status_code == 403
    hostname = Hostname.objects.get(pk=mapping.hostname_id)
    assert (hostname.suspended, hostname.suspension_message, hostname.enabled) == (False, "", False)


def test_a_role_that_is_taken_away_is_gone_at_once(mapping: Mapping, member: Member) -> None:
    admin = member(mapping.hostname.tenant, "owner")
    Membership.objects.all().delete()

    assert admin.get("mapping_change", mapping.pk).status_code in (302, 403)
    assert admin.client.post(admin.url("mapping_change", mapping.pk), {"target": "quay.io/x"}).status_code in (302, 403)
    assert Mapping.objects.get().target == "ghcr.io/acme"


def test_the_log_of_changes_is_no_page(admin: AdminClient) -> None:
    for name in ("change", "generation"):
        assert admin.client.get(f"/admin/routing/{name}/").status_code == 404


def test_django_s_own_bulk_delete_is_not_offered(admin: AdminClient, mapping: Mapping) -> None:
    for noun, row in (("mapping", mapping), ("hostname", mapping.hostname), ("tenant", mapping.hostname.tenant)):
        url = admin.url(f"{noun}_changelist")
        admin.client.post(url, {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"})

    assert Mapping.objects.exists()
    assert Tenant.objects.exists()
