"""No page asks the database more questions because there are more rows."""

from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test.utils import CaptureQueriesContext

from routing.conf import policy
from routing.models import Hostname, HostnameClaim, Invitation, Mapping, Membership, Registry, Tenant
from routing.services.hostnames.claims import claim_hostname
from routing.services.mappings.mappings import repoint
from routing.services.people.members import add_member, invite
from routing.services.telling.subscriptions import add_subscription
from routing.table.load import load_table
from tests.admin.conftest import SET_UP, AdminClient, add

LISTS = ["mapping", "hostname", "registry", "tenant", "membership", "invitation", "hostnameclaim", "subscription"]


def grow(first: int, last: int) -> None:
    """As many of everything, each with a past of its own."""
    for number in range(first, last):
        add(f"docker-{number}.acme.com", "acme", f"registry-{number}.acme.com/team", tenant=f"tenant-{number}")
        add("docker.acme.com", f"acme-{number}", "ghcr.io/acme")
        tenant = Tenant.objects.get(slug=f"tenant-{number}")
        person = get_user_model().objects.create_user(f"person-{number}", f"person-{number}@acme.com")
        add_member(SET_UP, tenant_id=tenant.pk, user=person, role="owner")
        invite(SET_UP, tenant_id=tenant.pk, email=f"guest-{number}@acme.com", role="viewer")
        add_subscription(SET_UP, tenant_id=tenant.pk, address=f"person-{number}@acme.com", kinds=["proof"])
        claim_hostname(SET_UP, tenant_id=tenant.pk, name=f"claim-{number}.acme.com")
        repoint(SET_UP, "x", hostname="docker.acme.com", prefix=f"acme-{number}", target="quay.io/acme")


def asked(admin: AdminClient, url: str) -> int:
    """How many queries a page takes, and that it is one."""
    # Else the first page of a process takes one more.
    ContentType.objects.clear_cache()
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert admin.client.get(url).status_code == 200
    return len(queries)


def test_a_list_takes_as_many_queries_for_many_as_for_few(admin: AdminClient) -> None:
    searches = ("", "?q=acme", "?q=docker.acme.com/acme-1/app")
    urls = [admin.url(f"{noun}_changelist") + search for noun in LISTS for search in searches]
    grow(0, 2)
    few = {url: asked(admin, url) for url in urls}

    grow(2, 7)

    assert {url: asked(admin, url) for url in urls} == few
    assert max(few.values()) <= 18


def test_the_overview_takes_as_many_queries_for_many_as_for_few(admin: AdminClient) -> None:
    grow(0, 12)
    few = asked(admin, "/admin/")

    grow(12, 16)

    assert asked(admin, "/admin/") == few
    assert few <= 46


def test_pages_of_one_row_do_not_ask_more_either(admin: AdminClient) -> None:
    grow(0, 2)
    mapping = Mapping.objects.get(hostname__name="docker.acme.com", prefix="acme-0")
    urls = [
        admin.url("mapping_change", mapping.pk),
        admin.url("mapping_history", mapping.pk),
        admin.url("hostname_change", mapping.hostname_id),
        admin.url("hostname_delete", mapping.hostname_id),
        admin.url("registry_change", mapping.registry_id),
        admin.url("registry_delete", mapping.registry_id),
        admin.url("tenant_delete", mapping.hostname.tenant_id),
        admin.url("tenant_change", mapping.hostname.tenant_id),
        admin.url("membership_change", Membership.objects.all()[0].pk),
        admin.url("membership_delete", Membership.objects.all()[0].pk),
        admin.url("invitation_change", Invitation.objects.all()[0].pk),
        admin.url("hostnameclaim_change", HostnameClaim.objects.all()[0].pk),
        admin.url("mapping_add"),
    ]
    for url in urls:
        admin.client.get(url)  # Content types are remembered from then on.
    few = {url: asked(admin, url) for url in urls}

    grow(2, 7)
    for number in range(5):
        repoint(SET_UP, "x", hostname="docker.acme.com", prefix="acme-0", target=f"quay.io/other-{number}")

    assert {url: asked(admin, url) for url in urls} == few


def test_a_list_reads_its_keys_in_order_and_nothing_else_of_the_rows_it_does_not_show(admin: AdminClient) -> None:
    grow(0, 3)
    with CaptureQueriesContext(connection) as queries:
        admin.get("mapping_changelist")
    everything = [query["sql"] for query in queries if query["sql"].startswith('SELECT "routing_mapping"."id"')]

    keys, rows = everything
    assert keys.startswith('SELECT "routing_mapping"."id" AS "pk" FROM "routing_mapping" INNER JOIN "routing_hostname"')
    assert 'ORDER BY "routing_hostname"."name"' in keys
    assert '"routing_mapping"."id" IN (' in rows


def test_the_table_of_clients_is_made_from_what_the_hostname_uses(admin: AdminClient) -> None:
    grow(0, 3)
    table = load_table(policy(), "docker-1.acme.com")

    assert [name for name, _ in table.hosts.items()] == ["docker-1.acme.com"]
    assert [entry.entry.name for _, entry in table.registries.items()] == ["registry-1.acme.com"]
    assert [entry.name for _, entry in table.tenants.items()] == ["tenant-1"]


def test_it_holds_the_login_registry_too(admin: AdminClient) -> None:
    grow(0, 1)
    quay = Registry.objects.get(alias="", origin="https://quay.io")
    Hostname.objects.filter(name="docker-0.acme.com").update(login_registry=quay)

    table = load_table(policy(), "docker-0.acme.com")

    assert {entry.entry.name for _, entry in table.registries.items()} == {"registry-0.acme.com", "quay.io"}
