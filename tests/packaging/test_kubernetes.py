"""What deploy/kubernetes comes to, by a small merge of this test's own, and that its parts fit each other.

Neither kustomize nor an API server has judged it here: the kinds below are looked at for what they refer to, for names
that nothing has, and for what the facade's own code says of ports, paths, commands and settings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from facade_site import variables
from routing.core.decide import LIVENESS_PATH, READINESS_PATH

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy" / "kubernetes"
OVERLAYS = sorted(path.parent for path in (FOLDER / "overlays").glob("*/kustomization.yaml"))
VERSIONS = {
    "ConfigMap": "v1",
    "Deployment": "apps/v1",
    "Gateway": "gateway.networking.k8s.io/v1",
    "HTTPRoute": "gateway.networking.k8s.io/v1",
    "HorizontalPodAutoscaler": "autoscaling/v2",
    "Ingress": "networking.k8s.io/v1",
    "Job": "batch/v1",
    "NetworkPolicy": "networking.k8s.io/v1",
    "PodDisruptionBudget": "policy/v1",
    "Service": "v1",
    "ServiceAccount": "v1",
}
#: What a pod and a container may have here (PodSpec v1, Container v1): a name that is written wrong is another one.
POD = {
    *("automountServiceAccountToken", "containers", "enableServiceLinks", "restartPolicy", "securityContext"),
    *("serviceAccountName", "terminationGracePeriodSeconds", "topologySpreadConstraints", "volumes"),
}
CONTAINER = {
    *("command", "env", "envFrom", "image", "lifecycle", "livenessProbe", "name", "ports", "readinessProbe"),
    *("resources", "securityContext", "startupProbe", "volumeMounts"),
}
Object = dict[str, Any]


def documents(path: Path) -> Iterator[Object]:
    yield from yaml.safe_load_all(path.read_text())


def built(folder: Path) -> list[Object]:
    """As kustomize builds it, as far as these overlays go: resources, a namespace, images, and patches by merge."""
    (said,) = documents(folder / "kustomization.yaml")
    assert set(said) <= {"apiVersion", "kind", "resources", "namespace", "images", "patches"}
    found: list[Object] = []
    for name in said["resources"]:
        path = (folder / name).resolve()
        found += built(path) if path.is_dir() else documents(path)
    for patch in said.get("patches", []):
        for change in documents(folder / patch["path"]):
            (target,) = [each for each in found if identity(each) == identity(change)]
            merge(target, change)
    for each in found:
        if "namespace" in said:
            each["metadata"]["namespace"] = said["namespace"]
        for image in said.get("images", []):
            for container in containers(each):
                if container["image"] == image["name"]:
                    container["image"] = f"{image['newName']}:{image['newTag']}"
    return found


def merge(target: Object, change: Mapping[str, Any]) -> None:
    for name, value in change.items():
        if isinstance(value, dict) and isinstance(target.get(name), dict):
            merge(target[name], value)
        else:
            target[name] = value


def identity(each: Mapping[str, Any]) -> tuple[str, str]:
    return each["kind"], each["metadata"]["name"]


def pod(each: Object) -> Object:
    found: Object = each.get("spec", {}).get("template", {}).get("spec", {})
    return found


def containers(each: Object) -> list[Object]:
    return list(pod(each).get("containers", []))


@pytest.fixture(params=OVERLAYS, ids=lambda path: path.name)
def objects(request: pytest.FixtureRequest) -> list[Object]:
    return built(request.param)


def of_kind(objects: list[Object], kind: str) -> list[Object]:
    return [each for each in objects if each["kind"] == kind]


def test_every_file_is_a_part_of_something() -> None:
    named = {
        (path.parent / name).resolve()
        for path in FOLDER.rglob("kustomization.yaml")
        for said in documents(path)
        for name in [*said["resources"], *(patch["path"] for patch in said.get("patches", []))]
    }

    assert {path for path in FOLDER.rglob("*.yaml") if path.name != "kustomization.yaml"} <= named


def test_every_object_is_of_a_known_kind_and_there_once(objects: list[Object]) -> None:
    assert {each["kind"]: each["apiVersion"] for each in objects}.items() <= VERSIONS.items()
    assert len({identity(each) for each in objects}) == len(objects)
    assert {each["metadata"]["namespace"] for each in objects} == {"registry-facade"}


def test_selectors_find_the_pods_that_they_mean(objects: list[Object]) -> None:
    pods = {each["metadata"]["name"]: each["spec"]["template"]["metadata"]["labels"] for each in objects if pod(each)}
    for each in of_kind(objects, "Deployment"):
        assert each["spec"]["selector"]["matchLabels"] == pods[each["metadata"]["name"]]
        for spread in pod(each)["topologySpreadConstraints"]:
            assert spread["labelSelector"]["matchLabels"] == pods[each["metadata"]["name"]]

    def found(wanted: Mapping[str, str]) -> set[str]:
        return {name for name, labels in pods.items() if wanted.items() <= labels.items()}

    (service,) = of_kind(objects, "Service")
    (budget,) = of_kind(objects, "PodDisruptionBudget")
    (policy,) = of_kind(objects, "NetworkPolicy")
    assert found(service["spec"]["selector"]) == {"registry-facade"}
    assert found(budget["spec"]["selector"]["matchLabels"]) == {"registry-facade"}
    assert found(policy["spec"]["podSelector"]["matchLabels"]) == set(pods)


def test_what_is_referred_to_is_there(objects: list[Object]) -> None:
    (settings,) = of_kind(objects, "ConfigMap")
    (account,) = of_kind(objects, "ServiceAccount")
    (service,) = of_kind(objects, "Service")
    (scaler,) = of_kind(objects, "HorizontalPodAutoscaler")
    known = {identity(each) for each in objects}

    target = scaler["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) in known
    for each in filter(pod, objects):
        assert pod(each)["serviceAccountName"] == account["metadata"]["name"]
        volumes = {volume["name"] for volume in pod(each)["volumes"]}
        for container in containers(each):
            assert {mount["name"] for mount in container["volumeMounts"]} == volumes
            assert [source["configMapRef"]["name"] for source in container["envFrom"]] == [settings["metadata"]["name"]]
    ports = {port["name"] for each in objects for container in containers(each) for port in container.get("ports", [])}
    assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports
    backends = list(found_by(objects, "service")) + list(found_by(objects, "backendRefs"))
    assert backends
    assert service["metadata"]["name"] in str(backends)


def found_by(value: Any, name: str) -> Iterator[Any]:
    if isinstance(value, dict):
        if name in value:
            yield value[name]
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from found_by(each, name)


def test_pods_may_do_little_and_have_no_name_that_nothing_has(objects: list[Object]) -> None:
    for each in filter(pod, objects):
        spec = pod(each)
        assert set(spec) <= POD
        assert (spec["enableServiceLinks"], spec["automountServiceAccountToken"]) == (False, False)
        assert spec["securityContext"]["runAsNonRoot"]
        for container in containers(each):
            assert set(container) <= CONTAINER
            context = container["securityContext"]
            assert (context["readOnlyRootFilesystem"], context["allowPrivilegeEscalation"]) == (True, False)
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert "memory" in container["resources"]["limits"]
            assert container["image"].startswith("registry.example/registry-facade:")


def test_the_facade_answers_the_probes_and_reads_the_settings(objects: list[Object]) -> None:
    (app,) = [each for each in containers_of(objects) if each["name"] == "app"]
    assert {app[probe]["httpGet"]["path"] for probe in ("startupProbe", "livenessProbe")} == {LIVENESS_PATH}
    assert app["readinessProbe"]["httpGet"]["path"] == READINESS_PATH
    (settings,) = of_kind(objects, "ConfigMap")
    names = {name.removesuffix("_FILE") for name in settings["data"]}
    names |= {variable["name"] for each in containers_of(objects) for variable in each.get("env", [])}
    assert [name for name in sorted(names) if not hasattr(variables, name)] == []
    assert all(isinstance(value, str) for value in settings["data"].values())


def containers_of(objects: list[Object]) -> list[Object]:
    return [container for each in objects for container in containers(each)]


def test_what_pods_run_is_there(objects: list[Object]) -> None:
    commands = [each["command"] for each in containers_of(objects) if "command" in each]

    assert len(commands) == 2
    for command in commands:
        assert command[:2] == ["python", "manage.py"]
        assert (ROOT / "routing" / "management" / "commands" / f"{command[2]}.py").exists()


def test_no_rollout_takes_a_server_away_before_another_one_is_ready(objects: list[Object]) -> None:
    (app,) = [each for each in of_kind(objects, "Deployment") if each["metadata"]["name"] == "registry-facade"]

    assert app["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert "replicas" not in app["spec"], "the autoscaler's number would be overwritten at each apply"
    (scaler,) = of_kind(objects, "HorizontalPodAutoscaler")
    assert scaler["spec"]["minReplicas"] >= 3
