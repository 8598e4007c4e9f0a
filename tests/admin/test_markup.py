"""What the pages are made of: nothing inline, so that a strict content security policy can forbid it, and nothing that
somebody typed taken for markup."""

import re
from html.parser import HTMLParser

import pytest
from django.conf import LazySettings
from django.contrib.auth import get_user_model
from django.utils import timezone

from routing.models import HostnameClaim, Mapping
from routing.services.hostnames.claims import claim_hostname
from routing.services.hostnames.hostnames import suspend_hostnames
from routing.services.mappings.mappings import add_mapping, repoint
from routing.services.people.members import add_member, invite
from routing.services.people.tenants import add_tenant
from routing.services.registries.registries import add_registry
from routing.templatetags.routing import breakable
from tests.admin.conftest import SET_UP, AdminClient

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


class Inline(HTMLParser):
    """Collects what a strict policy forbids."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if tag == "style" or (tag == "script" and "src" not in named):
            self.found.append(self.get_starttag_text() or tag)
        for name, value in attrs:
            if name == "style" or name.startswith("on") or (value or "").strip().lower().startswith("javascript:"):
                self.found.append(f"{tag} {name}={value}")


@pytest.fixture
def pages(admin: AdminClient) -> dict[str, str]:
    """Every page of the admin, of nouns whose every text is hostile."""
    tenant = add_tenant(SET_UP, EVIL, slug="evil", name=EVIL)
    registry = add_registry(SET_UP, EVIL, name=EVIL[:200], origin="https://registry.evil.example", tenant_id=tenant.pk)
    mapping = add_mapping(
        SET_UP, EVIL, hostname="docker.acme.com", prefix="acme", target="registry.evil.example/a", tenant="evil"
    ).mapping
    repoint(SET_UP, EVIL, hostname="docker.acme.com", prefix="acme", target="registry.evil.example/b")
    person = get_user_model().objects.create_user(EVIL[:100], "evil@evil.example")
    claim = claim_hostname(SET_UP, tenant_id=tenant.pk, name="claimed.acme.com")
    HostnameClaim.objects.update(finding=EVIL, checked_at=timezone.now())
    suspend_hostnames(SET_UP, EVIL, hostname_ids=[mapping.hostname_id], suspended=True, message=EVIL)
    rows = {
        "mapping": mapping,
        "hostname": mapping.hostname,
        "hostnameclaim": claim,
        "registry": registry,
        "tenant": tenant,
        "membership": add_member(SET_UP, tenant_id=tenant.pk, user=person, role="owner"),
        "invitation": invite(SET_UP, tenant_id=tenant.pk, email="evil@evil.example", role="owner").invitation,
    }
    urls = ["/admin/", "/admin/routing/"]
    for noun, row in rows.items():
        urls += [admin.url(f"{noun}_{view}") for view in ("changelist", "add")]
        urls += [admin.url(f"{noun}_{view}", row.pk) for view in ("change", "delete")]
        urls += [admin.url(f"{noun}_history", row.pk)] if hasattr(row, "history") else []
    urls += [admin.url("hostnameclaim_vouch", claim.pk), admin.url("hostname_vouch", mapping.hostname_id)]
    urls += [f"{admin.url('mapping_changelist')}?q=%3Cscript%3Ealert(1)%3C/script%3E"]
    found = {url: admin.client.get(url) for url in urls}
    chosen = {"action": "suspend", "_selected_action": [tenant.pk]}
    found["suspend"] = admin.client.post(admin.url("tenant_changelist"), chosen)
    found["bulk"] = admin.act("remove_all", [mapping])
    found["refused"] = admin.fill("mapping_add", hostname=EVIL, prefix=EVIL, target=EVIL, reason=EVIL)
    found["conflict"] = admin.fill(
        "mapping_add", hostname="docker.acme.com", prefix="acme", target="ghcr.io/c", reason=EVIL
    )
    admin.client.post(admin.url("tenant_delete", tenant.pk), {"reason": EVIL})
    admin.act("switch_off", [mapping], confirmed="yes", reason=EVIL)
    found["messages"] = admin.client.get(admin.url("mapping_changelist"))
    assert {page.status_code for page in found.values()} == {200}
    return {name: page.content.decode() for name, page in found.items()}


def test_no_page_has_inline_script_style_or_handlers(pages: dict[str, str]) -> None:
    for name, page in pages.items():
        parser = Inline()
        parser.feed(page)
        assert (name, parser.found) == (name, [])


def test_what_was_typed_is_never_markup(pages: dict[str, str]) -> None:
    for name, page in pages.items():
        assert "<script>alert" not in page, name
        assert "<img src=x" not in page, name
    shown = [name for name, page in pages.items() if "&lt;script&gt;alert(1)" in page]
    assert len(shown) >= 15


def test_an_empty_facade_has_nothing_inline_either(admin: AdminClient, settings: LazySettings) -> None:
    for url in ("/admin/", admin.url("mapping_changelist"), admin.url("tenant_changelist")):
        parser = Inline()
        parser.feed(admin.client.get(url).content.decode())
        assert parser.found == []


def test_the_target_of_a_mapping_is_no_markup(admin: AdminClient, mapping: Mapping) -> None:
    assert re.search(
        r'<span class="target">ghcr\.io/<wbr>acme</span>', admin.get("mapping_changelist").content.decode()
    )


def test_a_line_may_end_behind_a_slash_and_the_text_is_no_markup() -> None:
    assert breakable("a/<b>&/c") == "a/<wbr>&lt;b&gt;&amp;/<wbr>c"
