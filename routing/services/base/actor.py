"""Who does it."""

import getpass
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any

from routing.models import Membership, ProviderGrant, Role


@dataclass(frozen=True)
class Actor:
    """Whoever calls a verb: a person who is signed in, somebody at the command line, or the program itself.

    `is_operator`: may do everything. `label` is what the history shows. Less of a person, by an API token of theirs:
    `tenant_id_limit` is the id of the one tenant that there is for it, `read_only` lets it look and change nothing.
    """

    label: str
    user: Any = None
    is_operator: bool = False
    tenant_id_limit: int | None = None
    read_only: bool = False
    is_token: bool = False
    _known_roles: dict[int, str] | None = field(default=None, compare=False, repr=False)

    @classmethod
    def person(cls, user: Any) -> "Actor":
        """A signed-in user; a superuser is an operator of the platform."""
        return cls(user.get_username(), user, is_operator=_operates(user))

    @classmethod
    def token(cls, user: Any, name: str, tenant_id_limit: int | None, read_only: bool) -> "Actor":
        """A person's API token. One that is limited to a tenant doesn't act for the platform, whoever made it."""
        is_operator = tenant_id_limit is None and _operates(user)
        return cls(f"{user.get_username()} (token {name})", user, is_operator, tenant_id_limit, read_only, True)

    @classmethod
    def command_line(cls) -> "Actor":
        """Whoever may run commands on this machine: they hold the database anyway."""
        try:
            name = getpass.getuser()
        except (KeyError, OSError):  # A container's user often has no name.
            name = "unnamed"
        return cls(f"command line: {name}", is_operator=True)

    @classmethod
    def program(cls, part: str) -> "Actor":
        """A part of this program, acting on its own."""
        return cls(f"program: {part}", is_operator=True)

    def roles(self) -> dict[int, str]:
        """Every tenant (by id) in which it has a role. Asked of the database each time: a role may be gone."""
        if self._known_roles is not None:
            return self._known_roles
        if self.user is None or not self.user.is_active:
            return {}
        if self.tenant_id_limit is None:
            return dict(Membership.objects.in_force().filter(user=self.user).values_list("tenant_id", "role"))
        if _operates(self.user):
            # Their token for one tenant reaches as far as that tenant's owners.
            return {self.tenant_id_limit: Role.OWNER}
        own = Membership.objects.in_force().filter(user=self.user, tenant=self.tenant_id_limit)
        return dict(own.values_list("tenant_id", "role"))

    def looking(self) -> "Actor":
        """The same, with the roles of now: for what one page shows, which asks dozens of times. Not for verbs."""
        return replace(self, _known_roles=self.roles())

    def tenant_ids(self) -> Collection[int]:
        """The tenants of which it may look at everything."""
        return self.roles()


def _operates(user: Any) -> bool:
    """Whether somebody is an operator of the platform. Their provider's word for it counts for so long only."""
    if not (user.is_active and user.is_superuser):
        return False
    # Looked up once for an object, like its `is_superuser`: a page asks dozens of times.
    if not hasattr(user, "_platform_grant"):
        user._platform_grant = ProviderGrant.objects.filter(user=user.pk, tenant=None).first()
    grant = user._platform_grant
    return grant is None or not grant.has_lapsed
