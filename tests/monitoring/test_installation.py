"""Unit, containers and provisioning as far as they can be judged without a container engine: their shape, the
files that they name, and that they agree with each other. Nothing here starts a container.
"""

from __future__ import annotations

import configparser
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from monitoring.catalogue import DEPLOY, ROOT

from py_callcenter.config import Controller, load

pytestmark = pytest.mark.app

UNIT = DEPLOY / "systemd/callcenter.service"
FILES = ("compose.yaml", "compose.controller.yaml")
OF_THE_OPERATOR = {"./callcenter.toml": "callcenter.toml.example", "./callcenter.password": None}
"""What is mounted and not shipped; the first has an example."""


def compose(file: str) -> dict[str, Any]:
    return yaml.safe_load((DEPLOY / file).read_text("utf-8"))


def services() -> dict[str, dict[str, Any]]:
    return {name: service for file in FILES for name, service in compose(file)["services"].items()}


def mounts(name: str) -> dict[str, str]:
    """Source by target."""
    parts = [mount.split(":") for mount in services()[name]["volumes"]]
    return {part[1]: part[0] for part in parts}


def provisioned(path: str) -> dict[str, Any]:
    return yaml.safe_load((DEPLOY / "grafana/provisioning" / path).read_text("utf-8"))


@pytest.mark.parametrize("name", services())
def test_every_service_has_a_fixed_version_few_rights_and_files_that_exist(name):
    service = services()[name]
    if "build" in service:
        assert (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).exists()
    else:
        assert re.search(r":[v0-9][\w.-]+$", service["image"]), "a version, and not `latest`"
    assert service["restart"] in ("always", "unless-stopped")
    if name != "postgres":  # its start changes its user
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
    named = {volume for file in FILES for volume in compose(file)["volumes"]}
    for target, source in mounts(name).items():
        if not source.startswith("."):
            assert source in named, f"{source} is declared nowhere"
        elif source in OF_THE_OPERATOR:
            example = OF_THE_OPERATOR[source]
            assert example is None or (DEPLOY / example).exists()
        else:
            assert (DEPLOY / source).exists(), f"{target} has no source"


@pytest.mark.parametrize("name", services())
def test_no_password_is_shipped_and_nothing_starts_without_one(name):
    for key, value in services()[name].get("environment", {}).items():
        if "PASSWORD" in key:
            assert re.fullmatch(r"\$\{\w+:\?.+\}", value), f"{key} must be the operator's"
    assert not (DEPLOY / ".env").exists()
    ignored = (ROOT / ".gitignore").read_text("utf-8").split()
    assert {"/deploy/.env", "/deploy/callcenter.toml", "/deploy/callcenter.password"} <= set(ignored)


@pytest.mark.parametrize("name", services())
def test_nobody_listens_beyond_this_machine(name):
    service = services()[name]
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
    if service.get("network_mode") == "host":
        text = " ".join([*service.get("command", ()), *service.get("environment", {}).values()])
        assert name == "controller" or "127.0.0.1" in text


def test_grafana_finds_prometheus_and_the_dashboards():
    grafana = services()["grafana"]
    assert mounts("grafana")["/etc/grafana/provisioning"] == "./grafana/provisioning"
    [provider] = provisioned("dashboards/callcenter.yaml")["providers"]
    folder = mounts("grafana")[provider["options"]["path"]]
    home = Path(grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert str(home.parent) == provider["options"]["path"]
    assert (DEPLOY / folder / home.name).exists()
    [source] = provisioned("datasources/prometheus.yaml")["datasources"]
    assert source["type"] == "prometheus"
    assert source["isDefault"]
    listens = f"--web.listen-address={source['url'].removeprefix('http://')}"
    assert listens in services()["prometheus"]["command"]
    scraping = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text("utf-8"))
    assert source["jsonData"]["timeInterval"] == scraping["global"]["scrape_interval"]


def test_prometheus_finds_its_rules_and_the_controller():
    assert mounts("prometheus")["/etc/prometheus"] == "./prometheus"
    file = DEPLOY / "prometheus/prometheus.yml"
    scraping = yaml.safe_load(file.read_text("utf-8"))
    for pattern in scraping["rule_files"]:
        assert list(file.parent.glob(pattern))
    [job] = scraping["scrape_configs"]
    assert job["static_configs"][0]["targets"] == [Controller().listen]


def test_the_example_is_a_configuration_that_the_controller_takes(tmp_path):
    (tmp_path / "callcenter.password").write_text("a long one\n", "utf-8")
    file = tmp_path / "callcenter.toml"
    shutil.copy(DEPLOY / "callcenter.toml.example", file)
    config = load(file)
    assert config.controller.listen == Controller().listen
    assert config.nodes[0].secret == "a long one"
    for line in file.read_text("utf-8").splitlines():
        if "/var/lib/callcenter" in line:
            break
    else:
        pytest.fail("what it keeps must lie in the only folder that unit and container may write")
    assert mounts("controller")["/etc/callcenter/callcenter.toml"] == "./callcenter.toml"


def directives() -> configparser.SectionProxy:
    parser = configparser.RawConfigParser(strict=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(UNIT.read_text("utf-8"))
    return parser["Service"]


def test_the_unit_lets_a_planned_stop_end_and_is_back_before_callers_are_sent_away():
    from py_callcenter.app.early import DEAD_MAN_S

    service = directives()
    assert service["Type"] == "notify"
    assert service["KillSignal"] == "SIGTERM", "the planned stop"
    assert int(service["TimeoutStopSec"]) >= 30
    assert service["Restart"] == "always"
    back_s = int(service["WatchdogSec"]) + int(service["RestartSec"])
    assert back_s <= DEAD_MAN_S - 10, "found stuck, ended and started anew while callers keep their places"


def test_the_unit_and_the_container_run_the_same_command():
    words = directives()["ExecStart"].split()
    assert words[0].endswith("/callcenter")
    container = (DEPLOY / "Dockerfile").read_text("utf-8")
    assert 'ENTRYPOINT ["callcenter"]' in container
    assert f"CMD {json.dumps(words[1:])}" in container


def test_what_is_shipped_is_what_is_measured():
    """Unit, container and `make bench` ask the allocator for the same pages."""
    setting = directives()["Environment"]
    assert re.fullmatch(r"GLIBC_TUNABLES=\S+", setting)
    assert f"ENV {setting}\n" in (DEPLOY / "Dockerfile").read_text("utf-8")
    name, value = setting.split("=", 1)
    assert f'SHIPPED = {{"{name}": "{value}"}}' in (ROOT / "bench/results.py").read_text("utf-8")


@pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="no systemd on this machine to judge the unit"
)
def test_systemd_understands_the_unit(tmp_path):
    copy = tmp_path / UNIT.name
    text = UNIT.read_text("utf-8")
    copy.write_text(re.sub(r"(?m)^ExecStart=\S+", "ExecStart=/bin/true", text), "utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", copy], capture_output=True, text=True, check=False, timeout=30
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_what_the_container_is_built_from_is_what_the_wheel_needs():
    text = (ROOT / ".dockerignore").read_text("utf-8")
    kept = set(re.findall(r"^!(.+)$", text, re.MULTILINE))
    assert all((ROOT / name).exists() for name in kept)
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    for needed in ("pyproject.toml", "Cargo.toml", "Cargo.lock", "rust_router", "py_callcenter"):
        assert needed in kept
    for named in re.findall(r'^(?:readme = |license-files = \[)"([^"]+)"', project, re.MULTILINE):
        assert named in kept
