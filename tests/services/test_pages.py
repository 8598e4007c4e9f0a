"""What people paste in a registry's stead: understood where that is certain, else refused with the right form."""

from __future__ import annotations

import pytest

from routing.models import Registry, Tenant
from routing.services.base.actor import Actor
from routing.services.base.errors import ServiceError
from routing.services.mappings.mappings import add_mapping
from routing.services.registries.registries import add_registry
from routing.services.registries.targets import parse_target

HUB = "https://registry-1.docker.io"


@pytest.mark.parametrize(
    "host", ["docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com", "hub.docker.com"]
)
@pytest.mark.parametrize(
    "form", ["{}/acme/app", "https://{}/acme/app", "https://{}:443/acme/app/", "http://{}/acme/app"]
)
def test_docker_hub_has_many_names(host: str, form: str) -> None:
    assert parse_target(form.format(host)) == (HUB, "docker.io", "acme/app")
    assert parse_target(form.format(host.upper()).replace("/ACME/APP", "/acme/app")) == (HUB, "docker.io", "acme/app")


def test_another_port_is_another_registry() -> None:
    assert parse_target("docker.io:5000/acme") == ("https://docker.io:5000", "docker.io:5000", "acme")


@pytest.mark.parametrize(
    ("pasted", "meant"),
    [
        ("https://hub.docker.com/r/acme/app", "docker.io/acme/app"),
        ("https://hub.docker.com/r/acme/app/tags?name=1.0", "docker.io/acme/app"),
        ("hub.docker.com/r/acme/app#readme", "docker.io/acme/app"),
        ("https://registry.hub.docker.com/r/acme/app/", "docker.io/acme/app"),
        ("https://hub.docker.com/_/alpine", "docker.io/library/alpine"),
        ("https://hub.docker.com/_/alpine/tags", "docker.io/library/alpine"),
        ("https://hub.docker.com/u/acme", "docker.io/acme"),
        ("https://hub.docker.com/orgs/acme/repositories", "docker.io/acme"),
        ("https://hub.docker.com/repository/docker/acme/app/general", "docker.io/acme/app"),
        ("https://hub.docker.com/layers/acme/app/1.0/images/sha256-0a", "docker.io/acme/app"),
        (
            "https://hub.docker.com/layers/library/alpine/3.20/images/sha256-0a?context=explore",
            "docker.io/library/alpine",
        ),
        ("https://index.docker.io/v1/", "docker.io"),
        ("https://hub.docker.com/", "docker.io"),
        ("https://quay.io/repository/acme/app", "quay.io/acme/app"),
        ("https://quay.io/repository/acme/app?tab=tags&tag=latest", "quay.io/acme/app"),
        ("quay.io/repository/acme/app/manifest/sha256:0a", "quay.io/acme/app"),
        ("https://quay.io/organization/acme", "quay.io/acme"),
        ("https://quay.io/user/alice/", "quay.io/alice"),
        ("https://quay.io/acme/app", "quay.io/acme/app"),
        ("https://github.com/orgs/Acme/packages/container/package/App", "ghcr.io/acme/app"),
        ("https://github.com/orgs/acme/packages/container/package/charts%2Fapp", "ghcr.io/acme/charts/app"),
        ("https://github.com/users/alice/packages/container/app/1234567?tag=1.0", "ghcr.io/alice/app"),
        ("https://github.com/acme/source/pkgs/container/app", "ghcr.io/acme/app"),
        ("https://github.com/acme/source/pkgs/container/charts%2Fapp/versions", "ghcr.io/acme/charts/app"),
        ("https://github.com/orgs/acme/packages?repo_name=source", "ghcr.io/acme"),
        ("https://gitlab.com/acme/app/container_registry/123", "registry.gitlab.com/acme/app"),
        ("https://gitlab.com/acme/team/app/-/container_registry", "registry.gitlab.com/acme/team/app"),
        ("https://acme.jfrog.io/artifactory/api/docker/docker-local/acme/app", "acme.jfrog.io/docker-local/acme/app"),
        (
            "https://acme.jfrog.io/artifactory/api/docker/docker-local/v2/app/manifests/1",
            "acme.jfrog.io/docker-local/app",
        ),
        ("https://acme.jfrog.io/artifactory/docker-local/app/", "acme.jfrog.io/docker-local/app"),
        ("https://acme.jfrog.io/ui/native/docker-local/app", "acme.jfrog.io/docker-local/app"),
        ("https://acme.jfrog.io/ui/repos/tree/General/docker-local/app", "acme.jfrog.io/docker-local/app"),
        ("acme.jfrog.io/docker-local/app", "acme.jfrog.io/docker-local/app"),
        (
            "https://console.cloud.google.com/artifacts/docker/prj/europe-west1/repo/app/sha256:0a?project=prj",
            "europe-west1-docker.pkg.dev/prj/repo/app",
        ),
        ("https://console.cloud.google.com/gcr/images/prj/EU/app", "eu.gcr.io/prj/app"),
        ("https://console.cloud.google.com/gcr/images/prj/GLOBAL/team/app", "gcr.io/prj/team/app"),
        ("https://gallery.ecr.aws/acme/app", "public.ecr.aws/acme/app"),
        (
            "https://eu-west-1.console.aws.amazon.com/ecr/repositories/private/123456789012/team/app?region=eu-west-1",
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/app",
        ),
        ("https://mcr.microsoft.com/en-us/artifact/mar/dotnet/runtime/about", "mcr.microsoft.com/dotnet/runtime"),
        ("https://mcr.microsoft.com/product/dotnet/runtime/tags", "mcr.microsoft.com/dotnet/runtime"),
        ("mcr.microsoft.com/dotnet/runtime", "mcr.microsoft.com/dotnet/runtime"),
        # No pages: names that happen to look like parts of one.
        ("docker.io/search/app", "docker.io/search/app"),
        ("ghcr.io/orgs/packages", "ghcr.io/orgs/packages"),
        ("registry.acme.com/artifactory/app", "registry.acme.com/artifactory/app"),
        ("registry.acme.com/ui/native/app", "registry.acme.com/ui/native/app"),
        ("registry.acme.com/harbor/projects/app", "registry.acme.com/harbor/projects/app"),
    ],
)
def test_pages_that_are_about_one_image(pasted: str, meant: str) -> None:
    assert parse_target(pasted) == parse_target(meant)


@pytest.mark.parametrize(
    ("pasted", "form"),
    [
        ("https://hub.docker.com/r/acme", "docker.io/acme/app"),
        ("https://hub.docker.com/search?q=alpine", "docker.io/acme/app"),
        ("https://hub.docker.com/v2/repositories/acme/app", "docker.io/acme/app"),
        ("https://hub.docker.com/_/microsoft-dotnet-runtime", "mcr.microsoft.com/dotnet/runtime"),
        ("https://quay.io/repository/acme", "quay.io/acme/app"),
        ("https://quay.io/search", "quay.io/acme/app"),
        ("https://github.com/Acme/app", "ghcr.io/acme/app"),
        ("github.com/acme", "ghcr.io/acme/app"),
        ("https://github.com/orgs/acme/packages/npm/package/app", "ghcr.io/acme/app"),
        ("https://github.com/", "ghcr.io/acme/app"),
        ("docker.pkg.github.com/acme/source/app", "ghcr.io/acme/app"),
        ("https://gitlab.com/acme/team/app/-/tree/main", "registry.gitlab.com/acme/team/app"),
        ("https://artifacts.acme.com/artifactory/api/docker/docker-local/app", "artifacts.acme.com/docker-local/app"),
        ("https://artifacts.acme.com/artifactory/api/docker/docker-local", "docker-local.artifacts.acme.com"),
        ("https://artifacts.acme.com/ui/repos/tree/General/docker-local/app", "artifacts.acme.com/docker-local/app"),
        ("https://acme.jfrog.io/ui/packages/docker:%2F%2Fapp", "acme.jfrog.io/docker-local/acme/app"),
        ("https://harbor.acme.com/harbor/projects/3/repositories/app", "harbor.acme.com/project/app"),
        ("https://console.cloud.google.com/artifacts?project=prj", "us-docker.pkg.dev/project/repository/app"),
        ("https://eu-west-1.console.aws.amazon.com/ecr/home", "123456789012.dkr.ecr.eu-west-1.amazonaws.com/app"),
        ("https://mcr.microsoft.com/en-us/catalog?search=dotnet", "mcr.microsoft.com/dotnet/runtime"),
        ("https://gallery.ecr.aws/", "public.ecr.aws/acme/app"),
    ],
)
def test_pages_that_are_not_say_how_to_write_it(pasted: str, form: str) -> None:
    with pytest.raises(ServiceError) as refused:
        parse_target(pasted)
    assert form in refused.value.message
    assert list(refused.value.fields) == ["target"]


@pytest.mark.parametrize(
    "pasted",
    ["https://quay.io/repository/../app", "https://hub.docker.com/r/acme/%2e%2e", "https://quay.io/acme/app?tab=tags"],
)
def test_what_comes_of_a_page_is_judged_as_what_is_typed(pasted: str) -> None:
    with pytest.raises(ServiceError) as refused:
        parse_target(pasted)
    assert "is not a repository name" in refused.value.message


@pytest.mark.django_db
class TestRegistries:
    """Whichever name was given, it is the registry that is there, or one made like it."""

    def test_a_page_leads_to_the_shared_registry(self, platform: Actor) -> None:
        target = "https://hub.docker.com/_/alpine"
        mapping = add_mapping(platform, "", hostname="docker.acme.com", prefix="alpine", target=target).mapping
        assert (mapping.registry.origin, mapping.registry.tenant) == (HUB, None)
        assert mapping.target == "docker.io/library/alpine"

    @pytest.mark.parametrize("target", ["index.docker.io/acme", "https://docker.io/acme", "hub.docker.com/u/acme"])
    def test_one_that_is_made_keeps_one_component_names_in_library(self, platform: Actor, target: str) -> None:
        Registry.objects.filter(origin=HUB).delete()
        mapping = add_mapping(platform, "", hostname="docker.acme.com", prefix="acme", target=target).mapping
        registry = mapping.registry
        assert (registry.origin, registry.alias, registry.implicit_namespace) == (HUB, "docker.io", "library")

    def test_so_does_one_that_is_entered(self, platform: Actor) -> None:
        tenant = Tenant.objects.create(slug="acme", name="Acme")
        registry = add_registry(
            platform, "", tenant_id=tenant.pk, name="hub", origin="https://registry.hub.docker.com/"
        )
        assert (registry.origin, registry.alias, registry.implicit_namespace) == (HUB, "docker.io", "library")

    def test_those_that_were_there_before_are_completed(self) -> None:
        from importlib import import_module

        from django.apps import apps

        tenant = Tenant.objects.create(slug="acme", name="Acme")
        old = Registry.objects.create(tenant=tenant, name="old", origin="https://index.docker.io")
        twice = Registry.objects.create(tenant=None, name="old", origin="https://hub.docker.com")
        import_module("routing.migrations.0013_docker_hub_by_its_other_names").complete(apps, None)
        old.refresh_from_db()
        twice.refresh_from_db()
        assert (old.origin, old.alias, old.implicit_namespace) == (HUB, "docker.io", "library")
        assert (twice.origin, twice.implicit_namespace) == ("https://hub.docker.com", "library")
