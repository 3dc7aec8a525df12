"""Kubernetes takes what is made, and it says what the guide asks of it."""
from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest

from edge.config.cache_node import LISTEN_PORT
from edge.deploy.deployment import INSTANCES, Deployment
from edge.errors import SettingsError
from edge.settings import NAMES
from edge.tiers import PROFILES
from tests.conftest import open_folder
from tests.edge.deploy.made import VALUES, deployment, named, pods, things
from tests.edge.servers import free_port, listening, wait_until

TOP = Path(__file__).resolve().parents[3]

KINDS = [kind for profile in PROFILES for kind in (deployment(profile), deployment(profile, desk=False, affinity=False, redis="cluster"))]


@pytest.mark.parametrize(("version", "made"), [("1.30", KINDS[0]), *((kubernetes_validate.latest_version(), made) for made in KINDS[1::2])])
def test_every_thing_fits_the_schema_of_kubernetes(version: str, made: Any) -> None:
    for thing in things(made):
        kubernetes_validate.validate(thing, version, strict=True)


def test_a_mistake_would_not_fit() -> None:
    thing = named(deployment())["HorizontalPodAutoscaler/lectern-api"]
    thing["spec"]["maxReplicaz"] = 3
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(thing, kubernetes_validate.latest_version(), strict=True)


@pytest.mark.parametrize("made", KINDS, ids=lambda made: f"{made.profile}-{made.redis}")
def test_no_pod_has_privileges_or_writes_to_its_root(made: Any) -> None:
    for part, pod in pods(made).items():
        spec = pod["spec"]
        assert spec["automountServiceAccountToken"] is False, part
        assert spec["securityContext"]["runAsNonRoot"] is True, part
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, part
        for container in spec["containers"]:
            assert container["securityContext"] == {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
                                                    "capabilities": {"drop": ["ALL"]}}, part
            assert "memory" in container["resources"]["limits"], part
            assert not container["image"].endswith(":latest"), part
        mounted = {mount["name"] for container in spec["containers"] for mount in container["volumeMounts"]}
        claims = {"data"} if part == "redis" and made.redis == "cluster" else set()
        assert mounted == {volume["name"] for volume in spec["volumes"]} | claims, part


def test_an_instance_of_the_api_is_the_guides_and_there_are_two_to_twenty() -> None:
    found = named(deployment("1m"))
    (container,) = found["Deployment/lectern-api"]["spec"]["template"]["spec"]["containers"]
    assert container["resources"]["limits"] == {"cpu": "2", "memory": "4Gi"}
    assert "replicas" not in found["Deployment/lectern-api"]["spec"], "an apply would undo the autoscaler's number"
    scaler = found["HorizontalPodAutoscaler/lectern-api"]["spec"]
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == INSTANCES == (2, 20)
    assert [metric["resource"]["name"] for metric in scaler["metrics"]] == ["cpu"]
    up, down = scaler["behavior"]["scaleUp"], scaler["behavior"]["scaleDown"]
    assert up["stabilizationWindowSeconds"] == 0
    assert down["stabilizationWindowSeconds"] >= 300
    assert all(policy["value"] <= 10 for policy in down["policies"])
    for profile in PROFILES.values():
        assert INSTANCES[0] <= profile.instances[0] <= profile.instances[1] <= INSTANCES[1]


def test_the_pooler_takes_what_all_instances_may_open_and_opens_far_less() -> None:
    for name, profile in PROFILES.items():
        ini = named(deployment(name))["ConfigMap/lectern-pooler"]["data"]["pgbouncer.ini"]
        settings = dict(line.split(" = ") for line in ini.splitlines() if " = " in line)
        assert settings["pool_mode"] == "transaction"
        assert int(settings["max_client_conn"]) >= INSTANCES[1] * profile.pool_per_instance
        assert int(settings["max_db_connections"]) * 2 < 200
        assert int(settings["query_wait_timeout"]) < 10, "a request waits for its connection no longer"
        assert int(settings["server_login_retry"]) < int(settings["query_wait_timeout"]), "who waits sees the database come back"


def _pgbouncer(folder: Path, port: int, more: str = "") -> subprocess.Popen[bytes]:
    """PgBouncer with the file that is made, where its secrets and its port lie elsewhere; it refuses to be root."""
    ini = named(deployment())["ConfigMap/lectern-pooler"]["data"]["pgbouncer.ini"].replace("/etc/pgbouncer/secret", str(folder))
    ini, count = re.subn(r"^listen_addr = .*\nlisten_port = .*$", f"listen_addr = 127.0.0.1\nlisten_port = {port}", ini, flags=re.M)
    assert count == 1
    (folder / "pgbouncer.ini").write_text(ini + more)
    (folder / "databases.ini").write_text("[databases]\nlectern = host=127.0.0.1 dbname=lectern\n")
    (folder / "userlist.txt").write_text('"web" "SCRAM-SHA-256$4096:c2FsdA==$c3RvcmVk:c2VydmVy"\n')
    nobody: dict[str, Any] = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
    return subprocess.Popen(["pgbouncer", str(folder / "pgbouncer.ini")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **nobody)


def test_pgbouncer_itself_takes_its_file_and_would_not_take_a_mistake() -> None:
    if not shutil.which("pgbouncer"):
        pytest.skip("pgbouncer is not here: apt install pgbouncer")
    with open_folder("lectern-pooler-") as folder:
        port = free_port()
        well = _pgbouncer(folder, port)
        try:
            wait_until(lambda: listening(port) or well.poll() is not None, what="PgBouncer")
            assert well.poll() is None
        finally:
            well.terminate()
            well.wait(10)
        assert _pgbouncer(folder, port, "server_login_retries = 1\n").wait(10) != 0


def test_a_pod_is_asked_for_traffic_only_when_it_can_serve_and_leaves_without_an_error() -> None:
    spec = pods(deployment())["api"]["spec"]
    (container,) = spec["containers"]
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz", "a database that is away is mended by no restart"
    pause_s = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pause_s >= container["readinessProbe"]["periodSeconds"]
    assert spec["terminationGracePeriodSeconds"] >= pause_s + 10 + 10  # what workers may take, and a margin
    rolling = named(deployment())["Deployment/lectern-api"]["spec"]["strategy"]["rollingUpdate"]
    assert rolling["maxUnavailable"] == 0
    assert named(deployment())["PodDisruptionBudget/lectern-api"]["spec"]["maxUnavailable"] == 1


def test_there_is_never_an_old_worker_beside_a_new_one() -> None:
    worker = named(deployment())["Deployment/lectern-worker"]["spec"]
    assert (worker["replicas"], worker["strategy"]) == (1, {"type": "Recreate"})
    lost = {one["key"]: one["tolerationSeconds"] for one in worker["template"]["spec"]["tolerations"]}
    assert lost == {"node.kubernetes.io/unreachable": 30, "node.kubernetes.io/not-ready": 30}


def test_the_desk_is_a_deployment_with_a_log_in_of_its_own_and_only_where_there_is_one() -> None:
    found = named(deployment(desk=True))
    secrets = {part: {source["secretRef"]["name"] for container in pod["spec"]["containers"] for source in container.get("envFrom", ())
                      if "secretRef" in source} for part, pod in pods(deployment()).items()}
    assert secrets["api"] == {"lectern-api"}
    assert secrets["desk"] == {"lectern-desk"}
    assert secrets["worker"] == secrets["refresh"] == secrets["verify"] == {"lectern-builder"}
    assert secrets["migrate"] == {"lectern-owner"}
    paths = [path for name in ("api", "desk") for path in found[f"Ingress/lectern-{name}"]["spec"]["rules"][0]["http"]["paths"]]
    assert {path["path"]: path["backend"]["service"]["name"] for path in paths} == {
        "/api/": "lectern-api", "/": "lectern-api", "/api/v1/desk": "lectern-desk"}
    env = {one["name"]: one.get("value") for one in found["Deployment/lectern-api"]["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert env["LECTERN_DESK"] == "no", "students' instances have no desk, whatever their log-in may"
    assert [name for name in named(deployment(desk=False)) if "desk" in name] == []


def test_refresh_runs_once_an_hour_and_never_twice_at_a_time() -> None:
    job = named(deployment())["CronJob/lectern-refresh"]["spec"]
    minute, *rest = job["schedule"].split()
    assert int(minute) > 0
    assert rest == ["*"] * 4
    assert job["concurrencyPolicy"] == "Forbid"
    assert job["jobTemplate"]["spec"]["backoffLimit"] == 0
    assert job["jobTemplate"]["spec"]["activeDeadlineSeconds"] < 3600
    (container,) = job["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    assert container["command"][:2] == ["lectern", "refresh"]


def test_affinity_is_a_matter_of_the_ingress_alone() -> None:
    one, other = named(deployment(affinity=True)), named(deployment(affinity=False))
    notes = one["Ingress/lectern-api"]["metadata"]["annotations"]
    assert notes["nginx.ingress.kubernetes.io/affinity"] == "cookie"
    assert notes["nginx.ingress.kubernetes.io/session-cookie-secure"] == "true"
    one["Ingress/lectern-api"]["metadata"]["annotations"] = {name: text for name, text in notes.items() if "affinity" not in name
                                                             and "session-cookie" not in name}
    assert one == other


def test_nobody_reaches_anybody_but_by_a_policy_of_its_own() -> None:
    found = named(deployment(redis="cluster"))
    nobody = found["NetworkPolicy/lectern-nobody"]["spec"]
    assert nobody["podSelector"] == {"matchLabels": {"app": "lectern"}}
    assert nobody["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in nobody
    for part, pod in pods(deployment(redis="cluster")).items():
        assert pod["metadata"]["labels"]["app"] == "lectern", part
    redis = found["NetworkPolicy/lectern-redis"]["spec"]["ingress"]
    assert all("podSelector" in one for rule in redis for one in rule["from"])


def _ports(values: dict[str, str]) -> dict[str, set[int]]:
    """To which ports each policy lets its pods speak, wherever they are."""
    made = Deployment("https://lectures.example", "100k", "s3://bucket/site", values)
    found = {}
    for policy in ("web", "worker", "pooler"):
        rules = named(made)[f"NetworkPolicy/lectern-{policy}"]["spec"]["egress"]
        found[policy] = {port["port"] for rule in rules if "to" not in rule for port in rule["ports"]}
    return found


def test_pods_may_speak_to_the_ports_that_settings_name_and_to_the_usual_ones_alone() -> None:
    assert _ports({}) == {"web": {443, 465, 587, 5432}, "worker": {80, 443, 5432}, "pooler": {5432}}
    assert _ports(VALUES) == _ports({}), "a value without a port adds none"
    found = _ports({
        "DATABASE_URL": "postgresql://web:a:7777/b@10.0.0.1:5433,[fd00::2]:5434/lectern?sslmode=require", "SMTP_URL": "smtp://u:p@mail.example:2525",
        "AWS_ENDPOINT_URL": "http://minio.example:9000", "LECTERN_NGINX_URL": "http://10.0.0.4:8080,http://10.0.0.5:8081",
        "LECTERN_VARNISH_URL": "http://10.0.0.5:6081", "LECTERN_REFRESH_PRIVATE_HOSTS": "films.example:8443,other.example",
        "LECTERN_WEBSUB_HUB": "https://hub.example:4443/hub", "LECTERN_BASE_URL": "https://lectures.example:8444",
        "LECTERN_OIDC_PROVIDERS": "school=https://id:secret@login.example:9443/realm"})
    assert found["pooler"] == {5432, 5433, 5434}
    assert found["web"] == {443, 465, 587, 5432, 5433, 5434, 2525, 9000, 9443}
    assert found["worker"] == {80, 443, 5432, 5433, 5434, 9000, 8080, 8081, 6081, 8443, 4443, 8444}


def test_the_port_that_our_nginx_listens_on_is_one_that_the_worker_reaches() -> None:
    url = re.search(r"LECTERN_NGINX_URL=(\S+)", (TOP / "docs" / "edge.md").read_text())
    assert url
    assert url[1].endswith(f":{LISTEN_PORT}")
    assert LISTEN_PORT in _ports({"LECTERN_NGINX_URL": url[1]})["worker"]


@pytest.mark.parametrize("made", KINDS, ids=lambda made: f"{made.profile}-{made.redis}")
def test_every_setting_in_it_is_one_that_is_read(made: Any) -> None:
    names = {one["name"] for pod in pods(made).values() for container in pod["spec"]["containers"] for one in container.get("env", ())}
    names |= set(named(made)["ConfigMap/lectern"]["data"])
    assert {name for name in names if name.startswith("LECTERN_")} <= set(NAMES)
    assert named(made)["ConfigMap/lectern"]["data"]["LECTERN_LOGO"] == "/etc/lectern/logo.svg"


def test_a_changed_setting_starts_the_pods_anew() -> None:
    def digest(made: Any) -> str:
        annotations: dict[str, str] = pods(made)["api"]["metadata"]["annotations"]
        return annotations["lectern/settings"]

    assert digest(deployment()) == digest(deployment(image="lectern:8")) != digest(deployment("1m"))


@pytest.mark.parametrize(("settings", "names"), [
    ({"store": "sqlite:////srv/site.db"}, "LECTERN_STORE"), ({"base_url": "http://127.0.0.1:8000"}, "LECTERN_BASE_URL")])
def test_what_several_machines_cannot_share_is_refused(settings: dict[str, str], names: str) -> None:
    with pytest.raises(SettingsError, match=names):
        things(deployment(**settings))  # type: ignore[arg-type]
