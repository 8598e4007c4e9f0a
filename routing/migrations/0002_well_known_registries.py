"""The registries that everybody knows, shared with every tenant. What an operator changed since is left alone."""

from django.db import migrations

# name, origin of the API, alias, where one-component names live
WELL_KNOWN = [
    ("Docker Hub", "https://registry-1.docker.io", "docker.io", "library"),
    ("GitHub Container Registry", "https://ghcr.io", "", ""),
    ("Quay", "https://quay.io", "", ""),
    ("GitLab Container Registry", "https://registry.gitlab.com", "", ""),
    ("Google Artifact Registry (United States)", "https://us-docker.pkg.dev", "", ""),
    ("Google Artifact Registry (Europe)", "https://europe-docker.pkg.dev", "", ""),
    ("Google Artifact Registry (Asia)", "https://asia-docker.pkg.dev", "", ""),
    ("Google Container Registry", "https://gcr.io", "", ""),
    ("Amazon ECR Public", "https://public.ecr.aws", "", ""),
    ("Microsoft Artifact Registry", "https://mcr.microsoft.com", "", ""),
]


def add(apps, schema_editor):
    registries = apps.get_model("routing", "Registry").objects
    for name, origin, alias, prefix in WELL_KNOWN:
        registries.get_or_create(
            tenant=None, origin=origin, defaults={"name": name, "alias": alias, "single_component_prefix": prefix}
        )
    apps.get_model("routing", "Generation").objects.get_or_create(pk=1)


class Migration(migrations.Migration):
    dependencies = [("routing", "0001_initial")]
    operations = [migrations.RunPython(add, migrations.RunPython.noop)]
