"""Django's permissions, answered by roles: what asks `user.has_perm(…)` gets what the verbs would say."""

from typing import Any

from django.contrib.auth.backends import BaseBackend

from routing.services.base.actor import Actor
from routing.services.base.permissions import Permission, has_permission, has_permission_anywhere

#: What changing, adding and removing rows takes. A name with "add_" or "delete_" before the noun is an exception.
_ACTIONS = {
    "mapping": Permission.CHANGE_MAPPINGS,
    "hostname": Permission.CHANGE_HOSTNAMES,
    "add_hostname": Permission.ADMINISTER,
    "hostnameclaim": Permission.CHANGE_HOSTNAMES,
    "registry": Permission.CHANGE_REGISTRIES,
    "tenant": Permission.ADMINISTER,
    "membership": Permission.CHANGE_MEMBERS,
    "add_membership": Permission.ADMINISTER,
    "invitation": Permission.CHANGE_MEMBERS,
}


class RoleBackend(BaseBackend):
    """Signs nobody in. Knows `routing.view_mapping`, `routing.change_hostname` and so on, for a row or for any row."""

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        """Whether the user may do that to the row, or to any row at all (None)."""
        app, _, codename = perm.partition(".")
        verb, _, noun = codename.partition("_")
        action = _ACTIONS.get(codename) or _ACTIONS.get(noun)
        if app != "routing" or action is None or verb not in ("view", "add", "change", "delete"):
            return False
        actor, wanted = Actor.person(user_obj), Permission.VIEW if verb == "view" else action
        is_everybodys = wanted is Permission.VIEW and obj is not None and obj.shared_without_tenant
        if obj is None or (is_everybodys and obj.owning_tenant is None):
            return has_permission_anywhere(actor, wanted)
        return has_permission(actor, wanted, obj.owning_tenant)

    def has_module_perms(self, user_obj: Any, app_label: str) -> bool:
        """Whether there is anything of the app that the user may look at."""
        return app_label == "routing" and has_permission_anywhere(Actor.person(user_obj), Permission.VIEW)
