"""The files in deploy/: they name settings that exist, agree with one another and with the bot, and are well formed."""

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from pydantic import BaseModel

from bot import metrics
from bot.settings import Settings

ROOT = Path(__file__).resolve().parent.parent.parent
DEPLOY = ROOT / "deploy"
FILES = sorted(path for path in [*DEPLOY.rglob("*"), ROOT / "docs" / "operations.md"] if path.is_file())
NAME = re.compile(r"\bMIGCHECK_[A-Z0-9_]*[A-Z0-9]")
PORT = 8080
SECRETS = re.compile(r"xox[abp]-|BEGIN [A-Z ]*PRIVATE KEY|://[^/\s:]+:(?!PASSWORD@|\$)[^/\s]+@")


def settings_names(model: type[BaseModel], before: str = "MIGCHECK_") -> Iterator[str]:
    for name, field in model.model_fields.items():
        inner = field.annotation
        own = before + (field.alias or name).upper()
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from settings_names(inner, f"{own}__")
        else:
            yield own
            yield f"{own}_FILE"


def load(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(path.read_text()))


def manifests() -> list[dict[str, Any]]:
    names = load(DEPLOY / "kubernetes" / "kustomization.yaml")[0]["resources"]
    return [one for name in names for one in load(DEPLOY / "kubernetes" / name)]


def of_kind(kind: str) -> list[dict[str, Any]]:
    return [one for one in manifests() if one["kind"] == kind]


def read_environment(path: Path) -> dict[str, str]:
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_variable_is_a_setting_and_no_file_holds_a_secret(path: Path) -> None:
    text = path.read_text()
    assert not set(NAME.findall(text)) - set(settings_names(Settings))
    assert not SECRETS.search(text)


@pytest.mark.parametrize("path", sorted(DEPLOY.rglob("settings.example.env")), ids=lambda path: path.parent.name)
def test_the_example_settings_can_be_used(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = read_environment(path)
    if path.parent.name == "compose":
        given |= load(DEPLOY / "compose" / "compose.yaml")[0]["services"]["web"]["environment"]
    for name, value in given.items():
        if name.endswith("_FILE"):
            file = tmp_path / Path(value).name
            file.write_text("postgresql://migcheck@db/migcheck" if "database" in value else "a-secret")
            monkeypatch.setenv(name, str(file))
        else:
            monkeypatch.setenv(name, value)
    settings = Settings()
    assert settings.queue.url == settings.store.url == "postgresql://migcheck@db/migcheck"
    assert settings.secret_entry == "page"
    assert settings.slack.signing_secret is not None
    assert settings.web.metrics
    assert settings.access.admins == ("U012ABCDEF",)


# Kubernetes.


@pytest.mark.parametrize("one", manifests(), ids=lambda one: f"{one['kind']}-{one['metadata']['name']}")
def test_manifests_are_as_kubernetes_has_them(one: Mapping[str, Any]) -> None:
    kubernetes_validate.validate(one, kubernetes_validate.latest_version(), strict=True)


def test_pods_can_do_little_are_asked_how_they_are_and_get_time_to_end() -> None:
    deployments = of_kind("Deployment")
    assert [one["metadata"]["name"] for one in deployments] == ["migcheck-web", "migcheck-worker"]
    grace = float(read_environment(DEPLOY / "kubernetes" / "settings.example.env")["MIGCHECK_SHUTDOWN__GRACE"])
    for one in deployments:
        pod = one["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        assert pod["securityContext"]["runAsNonRoot"]
        assert container["securityContext"]["readOnlyRootFilesystem"]
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert pod["terminationGracePeriodSeconds"] >= grace + 10
        assert container["args"] == ["run", "--role", one["metadata"]["name"].removeprefix("migcheck-")]
        assert container["ports"] == [{"name": "http", "containerPort": PORT}]
        probes = {name: container[f"{name}Probe"] for name in ("startup", "liveness", "readiness")}
        assert [probe["httpGet"]["path"] for probe in probes.values()] == ["/healthz", "/healthz", "/readyz"]
        ready = probes["readiness"]
        assert ready["failureThreshold"] == 2
        assert ready["periodSeconds"] * ready["failureThreshold"] < grace
        assert one["spec"]["selector"]["matchLabels"] == one["spec"]["template"]["metadata"]["labels"]
        assert one["spec"]["replicas"] >= 2
        assert one["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}


def test_what_selects_pods_finds_them() -> None:
    pods = {one["metadata"]["name"]: one["spec"]["template"]["metadata"]["labels"] for one in of_kind("Deployment")}
    (service,) = of_kind("Service")
    assert service["spec"]["selector"] == pods["migcheck-web"]
    assert {b["metadata"]["name"]: b["spec"]["selector"]["matchLabels"] for b in of_kind("PodDisruptionBudget")} == pods
    (ingress,) = of_kind("Ingress")
    backends = [path["backend"]["service"] for rule in ingress["spec"]["rules"] for path in rule["http"]["paths"]]
    assert all(b == {"name": service["metadata"]["name"], "port": {"name": "http"}} for b in backends)


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
def test_kustomize_puts_them_together() -> None:
    done = subprocess.run(
        ["kubectl", "kustomize", str(DEPLOY / "kubernetes")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    made = list(yaml.safe_load_all(done.stdout))
    (config,) = (one for one in made if one["kind"] == "ConfigMap")
    for one in made:
        kubernetes_validate.validate(one, kubernetes_validate.latest_version(), strict=True)
        if one["kind"] == "Deployment":
            (container,) = one["spec"]["template"]["spec"]["containers"]
            assert container["envFrom"] == [{"configMapRef": {"name": config["metadata"]["name"]}}]
            assert container["image"].startswith("registry.example.com/migcheck:")


# Which addresses are for everybody.


def public_prefixes() -> set[str]:
    """The first part of each route that people, browsers and chat platforms ask."""
    found = set()
    for path in (ROOT / "handlers").rglob("*.py"):
        found |= set(re.findall(r"web\.(?:get|post)\(\"(/[a-z0-9]*)", path.read_text()))
    return found - {"/", "/chat", "/readyz", "/metrics"}


def test_balancers_pass_on_what_people_ask_and_nothing_else() -> None:
    (ingress,) = of_kind("Ingress")
    paths = [path["path"] for rule in ingress["spec"]["rules"] for path in rule["http"]["paths"]]
    assert public_prefixes() <= set(paths) <= public_prefixes() | {"/m365"}
    rules = (DEPLOY / "compose" / "haproxy.cfg").read_text()
    begins = re.search(r"path_beg (.*)", rules)[1].split()  # type: ignore[index]
    assert {part.rstrip("/") for part in begins} | {"/healthz"} == set(paths)


# Compose.


def test_compose_runs_two_of_each_and_gives_them_time_to_end() -> None:
    (compose,) = load(DEPLOY / "compose" / "compose.yaml")
    services = compose["services"]
    for role in ("web", "worker"):
        node = services[role]
        assert node["command"] == ["run", "--role", role]
        assert node["deploy"]["replicas"] == 2
        assert float(node["stop_grace_period"].removesuffix("s")) > Settings().shutdown.grace
        assert node["read_only"] is True
        assert node["cap_drop"] == ["ALL"]
        assert "ports" not in node
        assert set(node["secrets"]) <= set(compose["secrets"])
        files = {Path(value).name for name, value in node["environment"].items() if name.endswith("_FILE")}
        assert files == set(node["secrets"])
        assert set(node["networks"]) <= set(compose["networks"])
        assert (DEPLOY / "compose" / node["build"]["context"]).resolve() == ROOT
        assert (ROOT / node["build"]["dockerfile"]).exists()
    assert services["database"]["image"].endswith("postgres:16")
    assert services["database"]["networks"] == ["inside"], "nobody outside reaches it"
    assert "outside" in services["balancer"]["networks"], "a port is not published from an internal network"
    assert f"web:{PORT} " in (DEPLOY / "compose" / "haproxy.cfg").read_text()


# systemd.


def unit(path: Path) -> list[tuple[str, str]]:
    lines = [line for line in path.read_text().splitlines() if "=" in line and not line.startswith("#")]
    return [(name, value) for name, _, value in (line.partition("=") for line in lines)]


def test_the_unit_is_confined_and_gives_the_bot_time_to_end() -> None:
    found = unit(DEPLOY / "systemd" / "migcheck@.service")
    given = dict(found)
    assert float(given["TimeoutStopSec"]) > Settings().shutdown.grace
    assert given["ExecStart"].endswith("-m bot run --role %i")
    for name, value in {
        "NoNewPrivileges": "yes",
        "ProtectSystem": "strict",
        "DynamicUser": "yes",
        "CapabilityBoundingSet": "",
        "LimitCORE": "0",
        "MemorySwapMax": "0",
    }.items():
        assert given[name] == value
    assert "MemoryMax" in given


@pytest.mark.parametrize("name", ["slack.conf", "postgresql.conf"])
def test_secrets_of_the_unit_are_credentials(name: str) -> None:
    found = unit(DEPLOY / "systemd" / name)
    loaded = {value.partition(":")[0] for key, value in found if key == "LoadCredential"}
    named = [value.partition("=") for key, value in found if key == "Environment"]
    assert {value.removeprefix("%d/") for variable, _, value in named if variable.endswith("_FILE")} == loaded
    base = unit(DEPLOY / "systemd" / "migcheck@.service")
    plain = {word.partition("=")[0] for key, value in base if key == "Environment" for word in value.split()}
    unset = {value for key, value in found if key == "UnsetEnvironment"}
    for variable, _, _ in named:
        assert variable.removesuffix("_FILE") not in plain - unset, "the value itself would go before the file"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    text = (DEPLOY / "systemd" / "migcheck@.service").read_text()
    for name in ("slack.conf", "postgresql.conf"):
        folder = tmp_path / "migcheck@.service.d"
        folder.mkdir(exist_ok=True)
        shutil.copy(DEPLOY / "systemd" / name, folder)
    here = shutil.which("true") or "/bin/true"
    (tmp_path / "migcheck@.service").write_text(text.replace("/opt/migcheck/.venv/bin/python", here))
    for arguments in (["verify", "--man=no", "migcheck@web.service"], ["security", "--offline=true", "--threshold=20"]):
        command = ["systemd-analyze", *arguments]
        if arguments[0] == "security":
            command.append(str(tmp_path / "migcheck@.service"))
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
        assert done.returncode == 0, done.stdout[-500:] + done.stderr
        assert not [line for line in done.stderr.splitlines() if "migcheck" in line], done.stderr


# Prometheus.


def test_alerts_ask_for_what_is_counted() -> None:
    (group,) = load(DEPLOY / "alerts.yaml")[0]["groups"]
    series = {sample.name for family in metrics.REGISTRY.collect() for sample in family.samples}
    series |= {f"{family.name}_total" for family in metrics.REGISTRY.collect() if family.type == "counter"}
    series |= {f"{family.name}_bucket" for family in metrics.REGISTRY.collect() if family.type == "histogram"}
    series |= {family.name for family in metrics.REGISTRY.collect() if family.type == "gauge"}
    explained = (ROOT / "docs" / "operations.md").read_text()
    for rule in group["rules"]:
        asked = set(re.findall(r"\b(?:migcheck|process)_[a-z_]+\b", rule["expr"]))
        assert asked <= series, rule["alert"]
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["action"]
        assert rule["alert"] in explained


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed (apt-get install prometheus)")
def test_prometheus_understands_the_alerts_and_they_fire(tmp_path: Path) -> None:
    for name in ("alerts.yaml", "prometheus.example.yaml"):
        shutil.copy(DEPLOY / name, tmp_path)
    shutil.copy(ROOT / "tests" / "operations" / "alerts_test.yaml", tmp_path)
    for arguments in (
        ["check", "config", "prometheus.example.yaml"],
        ["check", "rules", "alerts.yaml"],
        ["test", "rules", "alerts_test.yaml"],
    ):
        done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False, cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
