"""The API as a whole."""

from routing.api.auth import BearerTokenAuth
from routing.api.document import FacadeAPI
from routing.api.errors import register_exception_handlers
from routing.api.routers import (
    changes,
    claims,
    configuration,
    contacts,
    doctor,
    history,
    hostnames,
    introspection,
    leaving,
    live,
    mappings,
    members,
    notes,
    policy,
    pulls,
    registries,
    routes,
    saved_filters,
    self_tests,
    standbys,
    subscriptions,
    tenants,
    tokens,
    verifications,
    watches,
)

api = FacadeAPI(
    title="Registry Facade",
    description="Container-registry addresses, and where they lead.",
    auth=BearerTokenAuth(),
    # Its pages load scripts, one of them inline; `reference` is a page of our own.
    docs_url=None,
    openapi_url="/openapi.json",
    urls_namespace="api",
)
api.add_router("", introspection.router)
api.add_router("/mappings", mappings.router)
api.add_router("/mappings", changes.roll_backs)
api.add_router("/mappings", standbys.router)
api.add_router("/changes", changes.router)
api.add_router("/hostnames", hostnames.router)
api.add_router("/hostnames", contacts.router)
api.add_router("/hostnames", self_tests.router)
api.add_router("/self-tests", self_tests.reports)
api.add_router("", doctor.router)
api.add_router("/claims", claims.router)
api.add_router("/registries", registries.router)
api.add_router("/tenants", tenants.router)
api.add_router("/tenants", policy.router)
api.add_router("/members", members.router)
api.add_router("/invitations", members.invitations)
api.add_router("/tokens", tokens.router)
api.add_router("/verifications", verifications.router)
api.add_router("/watches", watches.router)
api.add_router("/saved-filters", saved_filters.router)
api.add_router("/subscriptions", subscriptions.router)
api.add_router("/configuration", configuration.router)
api.add_router("/routes", routes.router)
api.add_router("/history", history.router)
api.add_router("/pulls", pulls.router)
api.add_router("", notes.router)
api.add_router("", leaving.router)
api.add_router("", live.router)
register_exception_handlers(api)
