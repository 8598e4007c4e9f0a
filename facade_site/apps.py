"""Which admin site the project serves."""

from django.contrib.admin.apps import AdminConfig


class FacadeAdminConfig(AdminConfig):
    """Django's admin, with the facade's own site as the default one."""

    default_site = "routing.admin.site.FacadeAdminSite"
