"""Metrics as Prometheus reads them, the dashboard and the alert rules that use them."""

import json
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from rotor_mcp.config import ConfigError
from rotor_mcp.hosting.settings import HostSettings
from rotor_mcp.sandbox import FULL_KEY, Fault, Sandbox
from rotor_mcp.sandbox.server import serving
from rotor_mcp.server.backend import open_listeners
from tests.commands import ROOT
from tests.conftest import JANE
from tests.hosting.servers import free_port, refused, server_process
from tests.hosting.serving import calling

pytestmark = pytest.mark.anyio

DASHBOARD: dict[str, Any] = json.loads((ROOT / "deploy/grafana-dashboard.json").read_text("utf-8"))
ALERTS = ROOT / "deploy/alerts.yaml"
OWN = ("rotor_mcp_", "mcp_server_", "http_client_", "process_")
FROM_PROMETHEUS = {"job", "instance", "le"}


def expressions() -> Iterator[str]:
    for panel in DASHBOARD["panels"]:
        yield from (target["expr"] for target in panel["targets"])
    for group in yaml.safe_load(ALERTS.read_text("utf-8"))["groups"]:
        yield from (rule["expr"] for rule in group["rules"])


def read(url: str) -> dict[str, set[str]]:
    """The name of each metric that is exported there, with the labels that it has."""
    answer = httpx2.get(url)
    assert answer.headers["content-type"].startswith("text/plain; version=")
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


async def test_what_the_dashboard_and_the_alerts_name_is_exported(sandbox: Sandbox, tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text(f"ann {'t0k3n' * 8} all\nben {'0ther' * 8} leads:read\n")
    tokens.chmod(0o600)
    port = free_port()
    async with serving(sandbox) as rotor:
        given = {
            "ROTOR_API_KEY": FULL_KEY,
            "ROTOR_BASE_URL": rotor,
            "ROTOR_MCP_TOKEN_FILE": str(tokens),
            "ROTOR_MCP_METRICS": f"127.0.0.1:{port}",
        }
        with server_process(given) as server:
            async with calling(server.url, "t0k3n" * 8) as client:
                await client.call_tool("get_lead", {"id": JANE})
                sandbox.faults.add(Fault(status=404))
                await client.call_tool("get_lead", {"id": JANE})
            async with calling(server.url, "0ther" * 8) as client:
                await client.call_tool("upsert_lead", {"name": "Dana", "phone": "612-555-0142"})
            assert httpx2.get(f"{server.url}/readyz").status_code == 200
            assert httpx2.get(f"{server.url}/metrics").status_code == 404, "not where callers are"
            exported = read(f"http://127.0.0.1:{port}/metrics")
            text = httpx2.get(f"http://127.0.0.1:{port}/metrics").text
            server.stop()
        with pytest.raises(httpx2.ConnectError):
            httpx2.get(f"http://127.0.0.1:{port}/metrics")
    for private in (FULL_KEY, "t0k3n", "ann", "Dana", JANE):
        assert private not in text
    for expression in expressions():
        without_values = re.sub(r'"[^"]*"', '""', expression)
        used = re.findall(r"\b([a-z_]+)(?:\{([^}]*)\})?", without_values)
        names = [(name, labels) for name, labels in used if name.startswith(OWN) and name in exported]
        assert names or "up{" in expression, expression
        unknown = {name for name, _ in used if name.startswith(OWN)} - set(exported)
        known = set().union(*(exported[name] for name, _ in names), FROM_PROMETHEUS)
        grouped = {
            word for words in re.findall(r"\bby \(([^)]*)\)", expression) for word in words.split(", ")
        }
        matched = {word for _, labels in names for word in re.findall(r"(\w+) *[=!]", labels)}
        assert (unknown - known, (grouped | matched) - known) == (set(), set()), expression


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
@pytest.mark.parametrize(
    "command", [["check", "rules", "alerts.yaml"], ["test", "rules", "alerts_test.yaml"]]
)
def test_the_alert_rules(command: list[str], tmp_path: Path) -> None:
    for file in (ALERTS, Path(__file__).with_name("alerts_test.yaml")):
        shutil.copy(file, tmp_path)
    ended = subprocess.run(
        ["promtool", *command], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_every_alert_is_tried_and_explained() -> None:
    rules = [rule for group in yaml.safe_load(ALERTS.read_text("utf-8"))["groups"] for rule in group["rules"]]
    tests = yaml.safe_load(Path(__file__).with_name("alerts_test.yaml").read_text("utf-8"))["tests"]
    names = [rule["alert"] for rule in rules]
    quiet, firing = tests
    assert [test["alertname"] for test in quiet["alert_rule_test"]] == names
    samples = firing["promql_expr_test"][0]["exp_samples"]
    assert [re.sub(r'.*"(\w+)".*', r"\1", sample["labels"]) for sample in samples] == names
    for rule in rules:
        assert set(rule["annotations"]) == {"summary", "description"}


def test_panels_do_not_lie_over_each_other() -> None:
    cells = [
        (x, y)
        for panel in DASHBOARD["panels"]
        for at in [panel["gridPos"]]
        for x in range(at["x"], at["x"] + at["w"])
        for y in range(at["y"], at["y"] + at["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))


def test_several_processes_are_refused() -> None:
    given = {
        "ROTOR_MCP_METRICS": "127.0.0.1:9464",
        "ROTOR_MCP_WORKERS": "2",
        "ROTOR_MCP_REDIS_URL": "redis://127.0.0.1:1",
        "ROTOR_API_KEY": FULL_KEY,
    }
    assert refused(given) == (
        "Error: ROTOR_MCP_METRICS: each of several processes counts for itself, and one address shows one of them. "
        "Serve several servers of one process, each with an address for its metrics; or let "
        "OTEL_METRICS_EXPORTER=otlp send them to a collector"
    )


def test_an_address_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        assert refused({"ROTOR_MCP_METRICS": address}) == (
            f"Error: ROTOR_MCP_METRICS: cannot listen on {address}: Address already in use. Each process needs a "
            "port of its own"
        )


@pytest.mark.parametrize(
    "value", ["9464", ":9464", "http://127.0.0.1:9464", "127.0.0.1:9464/metrics", "::1:9464"]
)
def test_an_address_that_is_none(value: str) -> None:
    with pytest.raises(ConfigError, match="ROTOR_MCP_METRICS: must be an address and a port"):
        HostSettings.load({"metrics": value})


def test_a_port_that_prometheus_could_not_know() -> None:
    with pytest.raises(ConfigError, match="ROTOR_MCP_METRICS: must name a port"):
        HostSettings.load({"metrics": "127.0.0.1:0"})


def test_metrics_that_are_switched_off() -> None:
    with pytest.raises(
        ConfigError, match="ROTOR_MCP_METRICS: OTEL_SDK_DISABLED=true switches all metrics off"
    ):
        open_listeners({"OTEL_SDK_DISABLED": "true"}, ("127.0.0.1", 9464))
