"""The registries that everybody knows, shared with every tenant. What an operator changed since is left alone.

What each asks for is seeded as well, so that a new mapping works before the first probe has run.
"""

from django.db import migrations

# name, origin of the API, alias, where one-component names live, what it asks for, token realm, token service
WELL_KNOWN = [
    (
        "Docker Hub",
        "https://registry-1.docker.io",
        "docker.io",
        "library",
        "bearer",
        "https://auth.docker.io/token",
        "registry.docker.io",
    ),
    ("GitHub Container Registry", "https://ghcr.io", "", "", "bearer", "https://ghcr.io/token", "ghcr.io"),
    ("Quay", "https://quay.io", "", "", "bearer", "https://quay.io/v2/auth", "quay.io"),
    (
        "GitLab Container Registry",
        "https://registry.gitlab.com",
        "",
        "",
        "bearer",
        "https://gitlab.com/jwt/auth",
        "container_registry",
    ),
    *(
        (
            f"Google Artifact Registry ({place})",
            f"https://{host}",
            "",
            "",
            "bearer",
            f"https://{host}/v2/token",
            host,
        )
        for place, host in (
            ("United States", "us-docker.pkg.dev"),
            ("Europe", "europe-docker.pkg.dev"),
            ("Asia", "asia-docker.pkg.dev"),
        )
    ),
    ("Google Container Registry", "https://gcr.io", "", "", "bearer", "https://gcr.io/v2/token", "gcr.io"),
    (
        "Amazon ECR Public",
        "https://public.ecr.aws",
        "",
        "",
        "bearer",
        "https://public.ecr.aws/token/",
        "public.ecr.aws",
    ),
    ("Microsoft Artifact Registry", "https://mcr.microsoft.com", "", "", "none", "", ""),
]


def add(apps, schema_editor):
    registries = apps.get_model("routing", "Registry").objects
    for name, origin, alias, prefix, auth, realm, service in WELL_KNOWN:
        registries.get_or_create(
            tenant=None,
            origin=origin,
            defaults={
                "name": name,
                "alias": alias,
                "single_component_prefix": prefix,
                "auth": auth,
                "realm": realm,
                "service": service,
            },
        )
    apps.get_model("routing", "Generation").objects.get_or_create(pk=1)


class Migration(migrations.Migration):
    dependencies = [("routing", "0001_initial")]
    operations = [migrations.RunPython(add, migrations.RunPython.noop)]
