"""What people paste in a registry's stead: other names of Docker Hub, and addresses of web pages about an image.

A page is understood where its address alone says which image it is about, and refused with the right form where it
doesn't. Nothing is asked of the page's server.
"""

import re
from collections.abc import Callable, Mapping
from itertools import takewhile
from urllib.parse import unquote

from routing.core.grammar.docker_hub import DOCKER_HUB, DOCKER_HUB_NAMES
from routing.services.base.errors import ServiceError

_MCR_TABS = ("about", "tags")

Steps = list[str]
Place = tuple[str, str]


def image_of_page(host: str, path: str, *, pasted: bool) -> Place | None:
    """The registry and the repository or prefix that a web page's address is about; None where it is no known page.

    `host` is in lower case, with a port where it isn't the scheme's own; `path` is what follows its slash. `pasted`:
    it began with a scheme, as an address does that was copied from a browser. Raises ServiceError, which says how to
    write it, for a page that tells no image for certain.
    """
    steps = [unquote(step) for step in re.split(r"[?#]", path, maxsplit=1)[0].split("/") if step]
    if host in DOCKER_HUB_NAMES:
        return _docker_hub(steps, on_web_site=host.startswith(("hub.", "registry.hub.")))
    if reader := _PAGES.get(host):
        return reader(steps)
    if match := _AWS_CONSOLE.fullmatch(host):
        return _aws_console(match["region"], steps)
    return _artifactory(host, steps, pasted=pasted) or _harbor(host, steps)


def _refuse(what: str, form: str) -> ServiceError:
    return ServiceError.for_field("target", f"{what}: write it like {form}")


def _docker_hub(steps: Steps, *, on_web_site: bool) -> Place | None:
    """No organisation there has a name of one character, so that `r`, `u` and `_` tell a page."""
    match steps:
        case ["v1" | "v2"]:
            # The address under which docker keeps its login: https://index.docker.io/v1/
            return DOCKER_HUB, ""
        case ["_", name, *_] if name.startswith("microsoft-"):
            raise _refuse("the images of this page are at Microsoft's registry", "mcr.microsoft.com/dotnet/runtime")
        case ["_", name, *_]:
            return DOCKER_HUB, f"library/{name}"
        case ["r", name, image, *_]:
            return DOCKER_HUB, f"{name}/{image}"
        case ["u", name, *_]:
            return DOCKER_HUB, name
        case ["r" | "u" | "_", *_]:
            raise _refuse("this page of Docker Hub tells no image", "docker.io/acme/app")
    return _docker_hub_site(steps) if on_web_site else None


def _docker_hub_site(steps: Steps) -> Place | None:
    """Pages whose first step might be an organisation's name elsewhere."""
    match steps:
        case ["layers", name, image, *_] | ["repository", "docker", name, image, *_]:
            return DOCKER_HUB, f"{name}/{image}"
        case ["orgs" | "repositories", name, *_]:
            return DOCKER_HUB, name
        case ["layers" | "orgs" | "repository" | "repositories" | "search" | "explore" | "v2", *_]:
            raise _refuse("this page of Docker Hub tells no image", "docker.io/acme/app")
    return None


def _quay(steps: Steps) -> Place | None:
    match steps:
        case ["repository", name, image, *_]:
            return "quay.io", f"{name}/{image}"
        case ["organization" | "user", name, *_]:
            return "quay.io", name
        case ["repository" | "organization" | "user" | "search" | "plans" | "signin", *_]:
            raise _refuse("this page of Quay tells no image", "quay.io/acme/app")
    return None


def _github(steps: Steps) -> Place:
    """Pages of packages. GitHub's names have capitals that its registry writes small."""
    match steps:
        case ["orgs" | "users", owner, "packages", "container", "package", *name] if name:
            return "ghcr.io", "/".join((owner, *name)).lower()
        case ["orgs" | "users", owner, "packages", "container", name, *_]:
            return "ghcr.io", f"{owner}/{name}".lower()
        case [owner, _, "pkgs", "container", name, *_]:
            return "ghcr.io", f"{owner}/{name}".lower()
        case ["orgs" | "users", owner, "packages"]:
            return "ghcr.io", owner.lower()
        case ["orgs" | "users", owner, *_] | [owner, *_]:
            raise _refuse("github.com holds no images, and this page tells of none", f"ghcr.io/{owner.lower()}/app")
    raise _refuse("github.com holds no images", "ghcr.io/acme/app")


def _gitlab(steps: Steps) -> Place:
    for place in (["-", "container_registry"], ["container_registry"]):
        for start in range(2, len(steps)):
            if steps[start : start + len(place)] == place:
                return "registry.gitlab.com", "/".join(steps[:start]).lower()
    form = "/".join(steps[: steps.index("-") if "-" in steps else None]).lower() or "acme/app"
    raise _refuse("gitlab.com holds no images, its registry does", f"registry.gitlab.com/{form}")


def _google_console(steps: Steps) -> Place:
    match steps:
        case ["artifacts", "docker", project, location, *rest] if rest:
            return f"{location}-docker.pkg.dev", "/".join((project, *_until(rest)))
        case ["gcr", "images", project, location, *rest]:
            place = {"global": "gcr.io"}.get(location.lower(), f"{location.lower()}.gcr.io")
            return place, "/".join((project, *rest))
    raise _refuse("this page tells no image", "us-docker.pkg.dev/project/repository/app")


def _ecr_gallery(steps: Steps) -> Place:
    if not steps:
        raise _refuse("this page tells no image", "public.ecr.aws/acme/app")
    return "public.ecr.aws", "/".join(steps)


def _aws_console(region: str, steps: Steps) -> Place:
    match steps:
        case ["ecr", "repositories", "private", account, name, *rest] if account.isdecimal():
            tail = _until(rest, "_", "image", "details")
            return f"{account}.dkr.ecr.{region}.amazonaws.com", "/".join((name, *tail))
    raise _refuse("this page tells no image", f"123456789012.dkr.ecr.{region}.amazonaws.com/app")


def _microsoft(steps: Steps) -> Place | None:
    """Pages of its catalogue: /en-us/artifact/mar/dotnet/runtime/about, /en-us/product/dotnet/runtime/tags."""
    pages = steps[1:] if steps and re.fullmatch(r"[a-z]{2}-[a-z]{2}", steps[0]) else steps
    for start in (["artifact", "mar"], ["product"]):
        if pages[: len(start)] == start and len(pages) > len(start):
            names = pages[len(start) :]
            return "mcr.microsoft.com", "/".join(names[:-1] if names[-1] in _MCR_TABS else names)
    if pages != steps or pages[:1] == ["catalog"]:
        raise _refuse("this page tells no image", "mcr.microsoft.com/dotnet/runtime")
    return None


def _artifactory(host: str, steps: Steps, *, pasted: bool) -> Place | None:
    """Artifactory's own paths. Where JFrog hosts it, images are at HOST/KEY; elsewhere the proxy before it decides."""
    is_jfrogs = host.endswith(".jfrog.io")
    match steps:
        case ["artifactory", "api", "docker", key, *rest]:
            names = _until(rest[1:] if rest[:1] == ["v2"] else rest, "manifests", "blobs", "tags")
        case ["ui", "native", key, *names] if pasted or is_jfrogs:
            pass
        case ["ui", "repos", "tree", _, key, *names] if pasted or is_jfrogs:
            pass
        case ["artifactory", key, *names] if is_jfrogs and key != "api":
            pass
        case ["ui" | "artifactory", *_] if is_jfrogs:
            raise _refuse("this page of Artifactory tells no image", f"{host}/docker-local/acme/app")
        case _:
            return None
    rest_of_name = "".join(f"/{name}" for name in names)
    if is_jfrogs:
        return host, f"{key}{rest_of_name}"
    raise _refuse(
        "this is a path within Artifactory, and not what docker pulls from",
        f"{host}/{key}{rest_of_name}, or {key}.{host}{rest_of_name} where each repository has a host of its own",
    )


def _harbor(host: str, steps: Steps) -> Place | None:
    match steps:
        case ["harbor", "projects", number, *_] if number.isdecimal():
            raise _refuse("this page of Harbor tells a project's number and not its name", f"{host}/project/app")
    return None


def _retired(steps: Steps) -> Place:
    owner = steps[0].lower() if steps else "acme"
    raise _refuse("this registry was given up for GitHub's new one", f"ghcr.io/{owner}/app")


def _until(steps: Steps, *ends: str) -> Steps:
    """The steps before the first that is one of `ends`, or a digest."""
    return list(takewhile(lambda step: step not in ends and not step.startswith("sha256:"), steps))


_PAGES: Mapping[str, Callable[[Steps], Place | None]] = {
    "quay.io": _quay,
    "github.com": _github,
    "www.github.com": _github,
    "docker.pkg.github.com": _retired,
    "gitlab.com": _gitlab,
    "console.cloud.google.com": _google_console,
    "gallery.ecr.aws": _ecr_gallery,
    "mcr.microsoft.com": _microsoft,
}
_AWS_CONSOLE = re.compile(r"(?P<region>[a-z0-9-]+)\.console\.aws\.amazon\.com")
