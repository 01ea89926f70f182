"""What `deploy/` says: in the forms that others publish, of settings that exist, and with itself."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from release.version import ROOT
from rotor_mcp import __version__
from rotor_mcp.config import Settings, environment_variable
from rotor_mcp.hosting import health
from rotor_mcp.hosting.middleware import BODY_TIMEOUT_SECONDS, MAX_BODY_BYTES
from rotor_mcp.hosting.server import SHUTDOWN_GRACE_SECONDS
from rotor_mcp.hosting.settings import PATH, HostSettings
from tests.hosting.nginx import CONF, rendered
from tests.programs import need

DEPLOY = ROOT / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
KUBERNETES = DEPLOY / "kubernetes"
MANIFEST: list[dict[str, Any]] = list(
    yaml.safe_load_all((KUBERNETES / "base/rotor-mcp.yaml").read_text("utf-8"))
)
INGRESS: dict[str, Any] = yaml.safe_load((KUBERNETES / "example/ingress.yaml").read_text("utf-8"))
UNIT = (DEPLOY / "rotor-mcp.service").read_text("utf-8")
FILES = [file for file in DEPLOY.rglob("*") if file.is_file() and "secrets" not in file.parts]
NGINX = CONF.read_text("utf-8")
REPLICAS = ["rotor-1", "rotor-2", "rotor-3"]


def directive(name: str) -> str:
    (value,) = re.findall(rf"^\s*{name} ([^;]+);", NGINX, re.MULTILINE)
    return str(value)


def seconds(text: str) -> float:
    return float(text.removesuffix("s"))


def size(text: str) -> int:
    return int(text.removesuffix("m")) * 1024 * 1024


def deployment(name: str) -> dict[str, Any]:
    (found,) = [one for one in MANIFEST if one["kind"] == "Deployment" and one["metadata"]["name"] == name]
    return found


def pod(name: str) -> dict[str, Any]:
    found: dict[str, Any] = deployment(name)["spec"]["template"]["spec"]
    return found


def container(name: str) -> dict[str, Any]:
    (found,) = pod(name)["containers"]
    return dict(found)


def given(name: str) -> dict[str, Any]:
    """The variables of a container of the manifest."""
    return {one["name"]: one.get("value") or one["valueFrom"] for one in container(name)["env"]}


def test_the_compose_file_is_one() -> None:
    checked = subprocess.run(
        [
            sys.executable,
            "-m",
            "check_jsonschema",
            "--builtin-schema",
            "vendor.compose-spec",
            "deploy/compose.yaml",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("version", ["1.30", "1.34", kubernetes_validate.latest_version()])
def test_the_manifest_is_one(version: str) -> None:
    for part in [*MANIFEST, INGRESS]:
        kubernetes_validate.validate(part, version, strict=True)


def test_the_ingress_reaches_the_endpoint_only() -> None:
    (rule,) = INGRESS["spec"]["rules"]
    paths = {path["path"]: path["backend"]["service"] for path in rule["http"]["paths"]}
    service = {"name": "rotor-mcp", "port": {"name": "http"}}
    assert paths == {PATH: service, "/.well-known/oauth-protected-resource": service}
    (settings,) = yaml.safe_load((KUBERNETES / "example/settings.yaml").read_text("utf-8"))["spec"][
        "template"
    ]["spec"]["containers"]
    changed = {one["name"]: one["value"] for one in settings["env"]}
    assert changed["ROTOR_MCP_PUBLIC_URL"] == f"https://{rule['host']}"
    assert changed.keys() <= given("rotor-mcp").keys()
    assert INGRESS["spec"]["tls"][0]["hosts"] == [rule["host"]]
    annotations = {
        name.partition("/")[2]: value for name, value in INGRESS["metadata"]["annotations"].items()
    }
    assert annotations == {
        f"proxy-{name}": value
        for name, value in (
            ("body-size", directive("client_max_body_size")),
            ("buffering", directive("proxy_buffering")),
            ("connect-timeout", directive("proxy_connect_timeout").removesuffix("s")),
            ("read-timeout", directive("proxy_read_timeout").removesuffix("s")),
            ("next-upstream", directive("proxy_next_upstream")),
        )
    }


def test_kustomize_builds_the_example() -> None:
    """What `kubectl apply -k` would send: the manifest in a namespace, with other settings, and the ingress."""
    if shutil.which("kustomize") is None:
        pytest.skip("kustomize is not installed")
    built = subprocess.run(
        ["kustomize", "build", KUBERNETES / "example"], capture_output=True, text=True, check=True
    )
    parts = {(one["kind"], one["metadata"]["name"]): one for one in yaml.safe_load_all(built.stdout)}
    assert {one["metadata"]["namespace"] for one in parts.values()} == {"rotor"}
    names = [(one["kind"], one["metadata"]["name"]) for one in [*MANIFEST, INGRESS]]
    assert sorted(parts) == sorted(names)
    (server,) = parts["Deployment", "rotor-mcp"]["spec"]["template"]["spec"]["containers"]
    assert server["image"] == f"registry.example.com/rotor-mcp:{__version__}"
    assert {one["name"] for one in server["env"]} == given("rotor-mcp").keys()
    order = [one["name"] for one in server["env"]]
    assert order.index("REDIS_PASSWORD") < order.index("ROTOR_MCP_REDIS_URL"), "it is used there"


def test_the_unit_is_one_and_may_do_little(tmp_path: Path) -> None:
    need("systemd-analyze")
    unit = tmp_path / "rotor-mcp.service"
    unit.write_text(UNIT.replace("/opt/rotor-mcp/bin/rotor-mcp", sys.executable))
    for command in (["verify"], ["security", "--offline=true", "--threshold=13"]):
        checked = subprocess.run(
            ["systemd-analyze", *command, str(unit)], capture_output=True, text=True, check=False
        )
        assert checked.returncode == 0, checked.stdout + checked.stderr
        assert command != ["verify"] or checked.stderr == ""


def test_the_unit_agrees_with_the_settings() -> None:
    variables = dict(re.findall(r"^Environment=(\w+)=(.*)$", UNIT, re.MULTILINE))
    assert seconds(re.findall(r"^TimeoutStopSec=(\S+)$", UNIT, re.MULTILINE)[0]) > (
        float(variables["ROTOR_MCP_TIMEOUT"]) + SHUTDOWN_GRACE_SECONDS
    )
    assert variables["ROTOR_MCP_AUDIT_FILE"].startswith("/var/log/rotor-mcp/")
    assert "\nLogsDirectory=rotor-mcp\n" in UNIT
    values = {name: variables.get(environment_variable(name)) for name in HostSettings.model_fields}
    host = HostSettings.load(values | {"public_url": "https://rotor.example.com"})
    assert (host.requires_auth, host.on_loopback) == (True, True)
    for name in ("Caddyfile", "nginx-tls.conf"):
        assert f" {variables['ROTOR_MCP_HTTP']}" in (DEPLOY / name).read_text("utf-8")


def test_nginx_accepts_its_configuration(tmp_path: Path) -> None:
    need("nginx")
    file = tmp_path / "nginx.conf"
    file.write_text(rendered("127.0.0.1:8080", [f"127.0.0.{number}:8080" for number in (2, 3, 4)], tmp_path))
    checked = subprocess.run(
        ["nginx", "-t", "-e", "stderr", "-c", str(file)], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
    assert "[warn]" not in checked.stderr


def test_every_variable_is_a_setting() -> None:
    settings = {environment_variable(name) for of in (Settings, HostSettings) for name in of.model_fields}
    for file in FILES:
        assert set(re.findall(r"\bROTOR_[A-Z_]+\b", file.read_text("utf-8"))) <= settings, file


def test_no_secret_is_in_it() -> None:
    text = "".join(file.read_text("utf-8") for file in FILES)
    assert re.findall(r"rotor_(?!mcp_)[A-Za-z0-9]+_\w+|(?=[A-Za-z+/]*[0-9])[A-Za-z0-9+/]{20,}", text) == []
    assert [part for part in MANIFEST if part["kind"] == "Secret"] == []
    for name in ("ROTOR_API_KEY", "REDIS_PASSWORD"):
        assert "secretKeyRef" in given("rotor-mcp")[name]
    example = (DEPLOY / "rotor-mcp.env.example").read_text("utf-8")
    assert re.findall(r"^\w+=(.+)$", example, re.MULTILINE) == []
    for replica in REPLICAS:
        service = COMPOSE["services"][replica]
        assert (service["env_file"], "ROTOR_API_KEY" in service["environment"]) == ("rotor-mcp.env", False)
    assert "deploy/rotor-mcp.env\ndeploy/secrets/\n" in (ROOT / ".gitignore").read_text("utf-8")


def test_nobody_may_more_than_they_need() -> None:
    for service in COMPOSE["services"].values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert "privileged" not in service
        assert service["healthcheck"]
    assert COMPOSE["networks"]["back"]["internal"] is True
    assert COMPOSE["services"]["redis"]["networks"] == ["back"]
    for name in ("rotor-mcp", "rotor-mcp-redis"):
        assert pod(name)["automountServiceAccountToken"] is False
        of_pod, of_container = pod(name)["securityContext"], container(name)["securityContext"]
        assert (of_pod["runAsNonRoot"], of_pod["seccompProfile"]) == (True, {"type": "RuntimeDefault"})
        assert of_container == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert set(container(name)["resources"]) == {"requests", "limits"}


def test_ports_and_names_agree() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text("utf-8")
    user = pod("rotor-mcp")["securityContext"]["runAsUser"]
    assert f"USER {user}:{user}\n" in dockerfile
    assert f"--uid {user} " in dockerfile
    assert "EXPOSE 8080\n" in dockerfile
    assert re.findall(r"server (\S+)", NGINX.partition("upstream")[2].partition("}")[0]) == [
        f"{name}:8080" for name in REPLICAS
    ]
    services = COMPOSE["services"]
    assert services["nginx"]["ports"] == [f"127.0.0.1:8080:{directive('listen')}"]
    assert [services[name] for name in REPLICAS] == 3 * [services["rotor-1"]]
    assert (
        services["rotor-1"]["environment"]["ROTOR_MCP_HTTP"]
        == given("rotor-mcp")["ROTOR_MCP_HTTP"]
        == "0.0.0.0:8080"
    )
    assert container("rotor-mcp")["ports"] == [{"name": "http", "containerPort": 8080}]
    assert services["rotor-1"]["image"].endswith(f":{__version__}")
    assert container("rotor-mcp")["image"] == f"example/rotor-mcp:{__version__}"
    assert container("rotor-mcp")["image"] in (ROOT / "server.json").read_text("utf-8")
    assert deployment("rotor-mcp")["spec"]["replicas"] == len(REPLICAS)
    selected = {one["metadata"]["name"]: one["spec"] for one in MANIFEST if one["kind"] == "Service"}
    for name, service in selected.items():
        assert service["selector"] == deployment(name)["spec"]["template"]["metadata"]["labels"]
        (port,) = service["ports"]
        assert port["targetPort"] in {one["name"] for one in container(name)["ports"]}
    assert f"location = {PATH} {{" in NGINX
    assert f"location = {PATH}/ {{" in NGINX


def test_what_is_served_beyond_this_machine_has_a_door() -> None:
    for variables in (COMPOSE["services"]["rotor-1"]["environment"], given("rotor-mcp")):
        values = {name: variables.get(environment_variable(name)) for name in HostSettings.model_fields}
        host = HostSettings.load(values | {"public_url": "https://rotor.example.com"})
        assert (host.requires_auth, host.on_loopback) == (True, False)


def test_times_agree() -> None:
    longest = float(given("rotor-mcp")["ROTOR_MCP_TIMEOUT"])
    of_compose = COMPOSE["services"]["rotor-1"]
    assert float(of_compose["environment"]["ROTOR_MCP_TIMEOUT"]) == longest
    assert f"after {longest:g} seconds" in NGINX
    assert seconds(directive("proxy_read_timeout")) > longest + SHUTDOWN_GRACE_SECONDS
    assert seconds(directive("client_body_timeout")) >= BODY_TIMEOUT_SECONDS
    assert size(directive("client_max_body_size")) >= MAX_BODY_BYTES
    assert size(directive("client_body_buffer_size")) >= size(directive("client_max_body_size"))
    assert seconds(of_compose["stop_grace_period"]) > longest + SHUTDOWN_GRACE_SECONDS
    before = container("rotor-mcp")["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod("rotor-mcp")["terminationGracePeriodSeconds"] > before + longest + SHUTDOWN_GRACE_SECONDS
    assert container("rotor-mcp")["readinessProbe"]["timeoutSeconds"] > health.ROTOR_TIMEOUT_SECONDS
    # Who closes an idle connection first must be nginx, or it sends a call into one that is being closed.
    kept = HostSettings.model_fields["keep_alive"].default
    assert f"Shorter than the {kept} seconds" in NGINX
    assert f"`ROTOR_MCP_KEEP_ALIVE` seconds, {kept} by default" in (ROOT / "docs/deployment.md").read_text(
        "utf-8"
    )
    assert seconds(directive("keepalive_timeout")) < kept


def test_nothing_is_held_back() -> None:
    assert directive("proxy_buffering") == "off"
    assert directive("proxy_http_version") == "1.1"


def test_a_write_is_never_repeated_by_the_proxy() -> None:
    assert directive("proxy_next_upstream") == "error timeout"
    for line in NGINX.splitlines():
        assert "non_idempotent" not in line.partition("#")[0]


def test_replacing_replicas_leaves_enough_of_them() -> None:
    update = deployment("rotor-mcp")["spec"]["strategy"]["rollingUpdate"]
    assert (update["maxUnavailable"], update["maxSurge"]) == (0, 1)
    (budget,) = [one["spec"] for one in MANIFEST if one["kind"] == "PodDisruptionBudget"]
    assert budget["maxUnavailable"] == 1
    assert budget["selector"] == deployment("rotor-mcp")["spec"]["selector"]
    probes = ("startupProbe", "livenessProbe", "readinessProbe")
    paths = [container("rotor-mcp")[probe]["httpGet"]["path"] for probe in probes]
    assert paths == ["/healthz", "/healthz", "/readyz"]


def test_the_image_is_of_locked_packages() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text("utf-8")
    assert "--require-hashes -r /src/requirements.txt" in dockerfile
    assert "!requirements/image.txt" in (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    pinned = {}
    for name in ("image", "dev"):
        lock = (ROOT / f"requirements/{name}.txt").read_text("utf-8")
        pinned[name] = set(re.findall(r"^[\w.-]+==[\w.]+", lock, re.MULTILINE))
    assert pinned["image"] <= pinned["dev"]
    assert {line.partition("==")[0] for line in pinned["image"]} >= {"mcp", "redis", "opentelemetry-sdk"}
