"""Registries that were added under another name of Docker Hub keep one-component names where Docker Hub does."""

from django.db import migrations

API = "https://registry-1.docker.io"
OTHER_NAMES = ["https://docker.io", "https://index.docker.io", "https://registry.hub.docker.com", "https://hub.docker.com"]


def complete(apps, schema_editor):
    registries = apps.get_model("routing", "Registry").objects
    for registry in registries.filter(origin__in=OTHER_NAMES):
        registry.implicit_namespace = registry.implicit_namespace or "library"
        # Two of one tenant can't have the same address: then this one stays as it was called.
        if not registries.filter(tenant=registry.tenant, origin=API).exists():
            registry.origin, registry.alias = API, registry.alias or "docker.io"
        registry.save(update_fields=["implicit_namespace", "origin", "alias"])


class Migration(migrations.Migration):
    dependencies = [("routing", "0012_mapping_challenge")]
    operations = [migrations.RunPython(complete, migrations.RunPython.noop)]
