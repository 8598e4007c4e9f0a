"""Which pages there are to look at, and as whom.

They come from the table of who may what, which has a line for every page of the project: a page that shows something to
the platform's operators is looked at as one of them. What stands here is the rest: pages that only others see, and
those that are none. A page that is in neither fails `test_accessibility`.
"""

from __future__ import annotations

from typing import NamedTuple

from tests.permissions.matrix_runner import ALLOWED, Line, lines_of
from tests.permissions.pages import NOUNS
from tests.permissions.table_of_pages import PAGES

NOBODY, PLATFORM = "nobody", "platform"
PASSWORD, KEYS, PROVIDER = "with a password", "with keys", "with a provider"
LATER = ", a while ago"


class Look(NamedTuple):
    """A page about a subject, as it is shown to somebody."""

    page: str
    subject: str
    who: str

    def __str__(self) -> str:
        return f"{self.page} ({self.subject}) as {self.who}"


#: No pages for people.
FOR_PROGRAMS = frozenset(
    {
        "admin:jsi18n",
        "admin:routing_mapping_prospect",
        "admin:search_suggestions",
        "api:openapi-json",
        "livez",
        "metrics",
        "readyz",
        "api_nothing",
        "api_root",
    }
)
#: What a browser is led on from, or gets a file of, whoever asks.
LEAD_ON = frozenset(
    {
        "account_confirm_login_code",
        "account_export",
        "account_home",
        "admin:auth_user_export",
        "admin:autocomplete",
        "admin:first_steps_hide",
        "admin:login",
        "admin:password_change",
        "admin:routing_hostname_check",
        "admin:routing_hostnameclaim_check",
        "admin:routing_mapping_export",
        "admin:routing_registry_health",
        "admin:routing_subscription_deeds",
        "admin:routing_tenant_export",
        "api:api-root",
        "home",
        "invitation_link",
        "mfa_download_recovery_codes",
        "mfa_login_webauthn",
        # Who comes from a provider gets an account at once.
        "socialaccount_signup",
        *(
            f"admin:routing_{noun}_export{kind}"
            for noun in ("mapping", "hostname", "registry")
            for kind in ("", "_yaml")
        ),
        *(f"admin:routing_{noun}_columns" for noun in ("mapping", "hostname", "registry", "tenant")),
        *(f"admin:routing_{noun}_filters" for noun in ("mapping", "hostname", "registry")),
        *(f"admin:routing_{noun}_probe" for noun in ("mapping", "registry")),
        *(f"accounts/social/{page}/" for page in ("login/cancelled", "login/error", "signup", "connections")),
        "admin/auth/user/<path:object_id>/",
        *(f"admin/routing/{noun}/<path:object_id>/" for noun in NOUNS),
    }
)
#: Reached by steps, each of which `test_accessibility` takes.
BY_STEPS = frozenset({"invitation", "mfa_authenticate"})
#: What is shown to others than an operator of the platform without a password, or to them otherwise.
BY_OTHERS = frozenset(
    {
        Look("account_login", ".", NOBODY),
        Look("account_signup", ".", NOBODY),
        Look("account_change_password", ".", PASSWORD),
        Look("account_reauthenticate", ".", PASSWORD + LATER),
        Look("account_reset_password_from_key", "good", NOBODY),
        Look("account_confirm_email", "good", NOBODY),
        Look("account_leave", ".", PASSWORD),
        Look("api_token_revoke", "API token", PLATFORM),
        Look("admin:view_on_site", ".", PLATFORM),
        Look("admin/(?P<url>.*)$", ".", PLATFORM),
        Look("admin:index", ".", "viewer"),
        Look("admin:routing_mapping_change", "mapping", "viewer"),
        Look("admin:routing_tenant_add", ".", "viewer"),
        Look("admin:auth_user_changelist", ".", "viewer"),
        Look("mfa_index", ".", KEYS),
        Look("mfa_add_webauthn", ".", KEYS),
        Look("mfa_list_webauthn", ".", KEYS),
        Look("mfa_edit_webauthn", "own key", KEYS),
        Look("mfa_remove_webauthn", "own key", KEYS),
        Look("mfa_deactivate_totp", ".", KEYS),
        Look("mfa_generate_recovery_codes", ".", KEYS),
        Look("mfa_view_recovery_codes", ".", KEYS),
        Look("mfa_reauthenticate", ".", KEYS + LATER),
        Look("mfa_reauthenticate_webauthn", ".", KEYS + LATER),
        Look("openid_connect_login", "sso", NOBODY),
        Look("openid_connect_callback", "sso", NOBODY),
        Look("provider_reauthenticate", ".", PROVIDER),
        Look("socialaccount_connections", ".", PROVIDER),
        Look("socialaccount_login_error", ".", NOBODY),
        Look("socialaccount_login_cancelled", ".", NOBODY),
        Look("abuse", ".", NOBODY),
        Look("shared_report", "good", NOBODY),
    }
)


def shown_to_the_platform() -> set[Look]:
    """By the table."""
    return {Look(line.deed.split()[1], line.subject, PLATFORM) for line in _gets() if _is_shown(line)}


def every_look() -> list[Look]:
    """Everything to look at that an address alone leads to, in an order in which hardly anybody signs in twice."""
    return sorted(shown_to_the_platform() | BY_OTHERS, key=lambda look: (look.who, look.page, look.subject))


def unseen() -> set[str]:
    """Pages of the project that nobody looks at: there are none, or somebody has forgotten one."""
    seen = {look.page for look in every_look()} | BY_STEPS | FOR_PROGRAMS | LEAD_ON
    return {line.deed.split()[1] for line in _gets()} - seen


def _gets() -> list[Line]:
    return [line for line in lines_of(PAGES) if line.deed.startswith("GET")]


def _is_shown(line: Line) -> bool:
    return line.expected[PLATFORM] == ALLOWED and line.deed.split()[1] not in FOR_PROGRAMS | LEAD_ON
