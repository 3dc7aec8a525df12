"""Each alert fires when it should and not when it should not, leads to its paragraph, and asks for metrics that are really exported."""
from __future__ import annotations

import json
import re
import shutil
import subprocess
import urllib.request
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
import yaml
from prometheus_client import generate_latest

from api import metrics, vitals
from builder import exporter
from edge import deploy
from edge.deploy.alerts import ALERTS
from edge.deploy.deployment import API_METRICS_PORT, WORKER_METRICS_PORT, Deployment
from tests.edge.deploy.made import deployment, pods
from tests.edge.fakes.varnish import varnish
from tests.edge.servers import free_port, listening, wait_until

TOP = Path(__file__).resolve().parents[3]
GIB = 2**30
VARNISH = {"varnish_main_cache_hit", "varnish_main_cache_miss", "varnish_main_client_req"}
"""What is asked of prometheus-varnish-exporter; a test holds it against that one's own answer."""


class Case(NamedTuple):
    """Series by which an alert fires after *at*, and such by which it does not; values in promtool's own notation."""

    fires: dict[str, str]
    calm: dict[str, str]
    at: str = "40m"


def _up(job: str) -> str:
    return f'up{{job="{job}", instance="i"}}'


def _answers(slow: int, quick: int) -> dict[str, str]:
    name = 'lectern_request_seconds_bucket{route="r", instance="i", le="%s"}'
    return {name % "0.5": f"0+{quick}x60", name % "1.0": f"0+{quick + slow}x60", name % "+Inf": f"0+{quick + slow}x60",
            'lectern_request_seconds_count{route="r", instance="i", status="2xx"}': f"0+{quick + slow}x60"}


def _errors(bad: int) -> dict[str, str]:
    name = 'lectern_request_seconds_count{route="r", status="%s"}'
    return {name % "5xx": f"0+{bad}x60", name % "2xx": f"0+{1000 - bad}x60"}


def _cache(hits: int, shared: int = 0) -> dict[str, str]:
    return {'lectern_cache_total{result="hit"}': f"0+{hits}x60", 'lectern_cache_total{result="miss"}': f"0+{1000 - hits}x60",
            'lectern_cache_total{result="shared"}': f"0+{shared}x60"}


def _day(before: dict[str, str], then: dict[str, str]) -> dict[str, str]:
    """Counters that grew as *before* for a day, and as *then* for two hours after it."""
    found = {}
    for name, values in before.items():
        step, after = int(values[2:].partition("x")[0]), int(then[name][2:].partition("x")[0])
        found[name] = f"0+{step}x1440 {step * 1440 + after}+{after}x120"
    return found


def _edge(hits: int) -> dict[str, str]:
    return {"varnish_main_cache_hit": f"0+{hits}x60", "varnish_main_cache_miss": f"0+{1000 - hits}x60"}


CASES: dict[str, Case] = {
    "LecternSlowAnswers": Case(_answers(20, 980), _answers(5, 995)),
    "LecternErrors": Case(_errors(11), _errors(9)),
    "LecternMemory": Case({'lectern_process_rss_bytes{instance="i"}': f"{int(3.7 * GIB)}x60"},
                          {'lectern_process_rss_bytes{instance="i"}': f"{3 * GIB}x60"}),
    "LecternCpu": Case({f'lectern_process_cpu_seconds_total{{instance="i", mode="{mode}"}}': "0+51x60" for mode in ("user", "system")},
                       {f'lectern_process_cpu_seconds_total{{instance="i", mode="{mode}"}}': "0+45x60" for mode in ("user", "system")}),
    "LecternCacheMisses": Case(_day(_cache(900), _cache(300, 300)), _day(_cache(120), _cache(120)), "25h"),
    "LecternEdgeMisses": Case(_edge(690), _edge(710)),
    "LecternPool": Case({'lectern_pool_in_use{server="primary", instance="i"}': "46x60",
                         'lectern_pool_share{server="primary", instance="i"}': "50x60"},
                        {'lectern_pool_in_use{server="primary", instance="i"}': "45x60",
                         'lectern_pool_share{server="primary", instance="i"}': "50x60"}),
    "LecternPublishLag": Case({"lectern_publish_lag_seconds": "0+60x60", "lectern_on_hold": "0x60"},
                              {"lectern_publish_lag_seconds": "0+60x60", "lectern_on_hold": "1x60"}),
    "LecternPurgeDebt": Case({'lectern_purge_overdue_seconds{cdn="fastly"}': "0+60x60"},
                             {'lectern_purge_overdue_seconds{cdn="fastly"}': "20x60"}),
    "LecternDrift": Case({"lectern_drift_pages": "0x60", "lectern_verify_findings": "1x60"},
                         {"lectern_drift_pages": "0x60", "lectern_verify_findings": "0x60"}),
    "LecternRefreshOverdue": Case({"lectern_refresh_due": "3x60", "lectern_refresh_last_answer_seconds": "10000x60"},
                                  {"lectern_refresh_due": "0x60", "lectern_refresh_last_answer_seconds": "100000x60",
                                   "lectern_refresh_behind_ratio": "0.05x60"}),
    "LecternFenceLost": Case({'lectern_fence{state="lost"}': "1x60"},
                             {'lectern_fence{state="lost"}': "0x60", 'lectern_fence{state="off"}': "1x60"}),
    "LecternListenerDeaf": Case({'lectern_listener{state="listening"}': "0x60"}, {'lectern_listener{state="listening"}': "1x60"}),
    "LecternDatabaseAway": Case({"lectern_database_up": "0x60"}, {"lectern_database_up": "1x60"}),
    "LecternDown": Case({_up("lectern-api"): "1x60"}, {_up("lectern-api"): "1x60", _up("lectern-worker"): "1x60"}),
    "LecternNeedsAPerson": Case({"lectern_alarms": "1x60"}, {"lectern_alarms": "0x60"}),
}


def _rules(made: Deployment | None = None) -> str:
    return deploy.files("prometheus", made or deployment())["rules.yml"]


def test_every_alert_has_a_case_that_fires_and_one_that_does_not() -> None:
    assert [alert.name for alert in ALERTS] == list(CASES)


def test_prometheus_itself_takes_rules_and_configuration_and_each_alert_fires_when_it_should(tmp_path: Path) -> None:
    if not (promtool := shutil.which("promtool")):
        pytest.skip("promtool is not here: apt install prometheus")
    for name, text in deploy.files("prometheus", deployment()).items():
        (tmp_path / name).write_text(text)
    tests = [{"interval": "1m", "name": f"{name} {kind}",
              "input_series": [{"series": series, "values": values} for series, values in (case.fires if fires else case.calm).items()],
              "alert_rule_test": [{"alertname": name, "eval_time": case.at, "exp_alerts": []}]}
             for name, case in CASES.items() for kind, fires in (("fires", True), ("is calm", False))]
    (tmp_path / "tests.yml").write_text(yaml.safe_dump({"rule_files": ["rules.yml"], "tests": tests}))
    many = (tmp_path / "kubernetes.yml").read_text()  # Debian's promtool was built without Kubernetes
    assert "- role: pod" in many
    here = many.replace("kubernetes_sd_configs:\n      - role: pod", "static_configs:\n      - targets: [a]")
    (tmp_path / "kubernetes.yml").write_text(here)
    for check in (["rules", "rules.yml"], ["config", "prometheus.yml"], ["config", "kubernetes.yml"]):
        done = subprocess.run([promtool, "check", *check], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    # Told to expect no alert at all, it names each test in which one fired: those are to be the firing ones, and no others.
    done = subprocess.run([promtool, "test", "rules", "tests.yml"], cwd=tmp_path, capture_output=True, text=True)
    said = re.findall(r"^\s*name: (Lectern\w+ (?:fires|is calm)),?$", done.stdout + done.stderr, re.M)
    assert set(said) == {f"{name} fires" for name in CASES}, done.stdout + done.stderr


def test_each_alert_leads_to_a_paragraph_that_says_what_to_do() -> None:
    operations = (TOP / "docs" / "operations.md").read_text()
    for group in yaml.safe_load(_rules())["groups"]:
        for rule in group["rules"]:
            file, _, anchor = rule["annotations"]["runbook_url"].partition("#")
            assert file == "docs/operations.md"
            assert anchor == rule["alert"].lower()
            found = re.search(rf"^### {rule['alert']}\n\n(\S.{{40,}})", operations, re.M)
            assert found, f"docs/operations.md has no heading and paragraph for {rule['alert']}"
    assert set(re.findall(r"^### (Lectern\w+)$", operations, re.M)) == set(CASES)


def _of_the_api() -> set[str]:
    """The names of all series that an instance of the API tells."""
    measured = metrics.Metrics()
    vitals.Vitals(measured.registry)
    text = generate_latest(measured.registry).decode()
    names = set()
    for name, kind in re.findall(r"^# TYPE (\S+) (\w+)$", text, re.M):
        names |= {f"{name}_{end}" for end in ("bucket", "count", "sum")} if kind == "histogram" else {name}
    return {name for name in names if not name.endswith("_created")}


def _of_the_worker() -> set[str]:
    """The same of the worker; tests/builder/test_exporter.py holds its source to what it tells."""
    return set(re.findall(r'"(lectern_\w+)"', Path(exporter.__file__).read_text())) | {"process_resident_memory_bytes"}


def exported() -> set[str]:
    """The names of all series that API and worker tell."""
    return _of_the_api() | _of_the_worker()


def _names(queries: list[str]) -> set[str]:
    bare = [re.sub(r'"[^"]*"', "", query) for query in queries]
    return {name for query in bare for name in re.findall(r"\b(?:lectern|varnish|kube|node|process)_\w+|\bup\b", query)}


def _queries() -> list[str]:
    rules = [rule["expr"] for group in yaml.safe_load(_rules())["groups"] for rule in group["rules"]]
    return rules + [target["expr"] for panel in _panels() for target in panel.get("targets", ())]


def test_on_one_machine_a_scrape_job_tells_each_metric_that_an_alert_or_panel_asks_for() -> None:
    jobs = {job["job_name"]: job["static_configs"][0]["targets"]
            for job in yaml.safe_load(deploy.files("prometheus", deployment())["prometheus.yml"])["scrape_configs"]}
    told = {"lectern-api": _of_the_api(), "lectern-worker": _of_the_worker(), "varnish": VARNISH}
    assert jobs.keys() == told.keys()
    assert (jobs["lectern-api"], jobs["lectern-worker"]) == ([f"127.0.0.1:{API_METRICS_PORT}"], [f"127.0.0.1:{WORKER_METRICS_PORT}"])
    queries = _queries()
    assert _names(queries) - {"up"} <= set().union(*told.values())
    assert set(re.findall(r'job="([^"]+)"', " ".join(queries))) <= jobs.keys()


def test_under_kubernetes_a_pod_tells_each_metric_but_those_of_a_varnish_and_the_runbook_says_so() -> None:
    (job,) = yaml.safe_load(deploy.files("prometheus", deployment())["kubernetes.yml"])["scrape_configs"]
    keep, named, _ = job["relabel_configs"]
    assert keep["regex"] == "lectern;metrics"
    assert (named["replacement"], named["target_label"]) == ("lectern-$1", "job")
    asked = {part for part, pod in pods(deployment()).items() if pod["metadata"]["labels"]["app"] == "lectern"
             and any(port["name"] == "metrics" for container in pod["spec"]["containers"] for port in container.get("ports", ()))}
    assert asked == {"api", "desk", "worker"}
    queries = _queries()
    assert _names(queries) - {"up"} - _of_the_api() - _of_the_worker() == VARNISH
    assert set(re.findall(r'job="([^"]+)"', " ".join(queries))) <= {f"lectern-{part}" for part in asked}
    said = (TOP / "docs" / "operations.md").read_text().partition("### LecternEdgeMisses")[2].partition("###")[0]
    assert "Kubernetes" in said
    assert "`FewHits`" in said, "CloudFront's own alarm of the same"


def test_what_is_asked_of_varnishs_exporter_it_tells() -> None:
    if not (binary := shutil.which("prometheus-varnish-exporter")):
        pytest.skip("prometheus-varnish-exporter is not here: apt install prometheus-varnish-exporter")

    def origin(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/html"), ("Cache-Control", "max-age=60")])
        return [b"A page"]

    with varnish(origin, "lectures.example") as edge:
        edge.get("/")
        edge.get("/")
        port = free_port()
        process = subprocess.Popen([binary, "-n", str(edge.folder), f"-web.listen-address=127.0.0.1:{port}"], stderr=subprocess.DEVNULL)
        try:
            wait_until(lambda: listening(port), what="the exporter")
            with closing(urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20)) as answer:
                told = dict(re.findall(r"^(\w+) (\d+)$", answer.read().decode(), re.M))
        finally:
            process.terminate()
            process.wait(10)
    assert {name: told.get(name) for name in sorted(VARNISH)} == {
        "varnish_main_cache_hit": "1", "varnish_main_cache_miss": "1", "varnish_main_client_req": "2"}


def test_prometheus_tells_an_alertmanager() -> None:
    for name in ("prometheus.yml", "kubernetes.yml"):
        (one,) = yaml.safe_load(deploy.files("prometheus", deployment())[name])["alerting"]["alertmanagers"]
        (target,) = one["static_configs"][0]["targets"]
        assert target.endswith(":9093")
        assert f"`{target}`" in (TOP / "docs" / "deploy.md").read_text(), "where it must listen is said"


def test_everything_that_is_exported_is_on_the_dashboard_and_in_the_runbook() -> None:
    queries = [target["expr"] for panel in _panels() for target in panel.get("targets", ())]
    shown = {re.sub(r"_(total|bucket|count|sum)$", "", name) for name in _names(queries)}
    ours = {re.sub(r"_(total|bucket|count|sum)$", "", name) for name in exported() if name.startswith("lectern_")}
    assert ours - shown - {"lectern_pool_share", "lectern_release_live"} == set()
    operations = (TOP / "docs" / "operations.md").read_text()
    assert [name for name in sorted(ours) if f"`{name}`" not in operations] == []


def test_the_dashboard_shows_what_the_guide_lists() -> None:
    titles = {panel["title"]: json.dumps(panel) for panel in _panels()}
    answers = titles["Time of an answer"]
    assert all(f'"{legend}"' in answers for legend in ("P50", "P90", "P99"))
    assert "route" in titles["Errors by endpoint"]
    for title, metric in (("The API's cache", "miss"), ("Pool in use", "lectern_pool_in_use"), ("Memory", "lectern_process_heap_bytes"),
                          ("Memory", "lectern_process_rss_bytes"), ("Processors", "mode"), ("The edge", "varnish_main_cache_hit"),
                          ("Students and sessions, of 15 minutes", "lectern_active_sessions"),
                          ("Students and sessions, of 15 minutes", "lectern_active_users")):
        assert metric in titles[title]
        if title in ("Memory", "Processors", "Students and sessions, of 15 minutes"):
            assert "{{instance}}" in titles[title]


def test_no_two_panels_of_the_dashboard_lie_on_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    ids = [panel["id"] for panel in _panels()]
    assert len(ids) == len(set(ids))
    for panel in _panels():
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken
        assert at["x"] + at["w"] <= 24
        taken |= cells


def _panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(deploy.files("grafana", deployment())["lectern.json"])["panels"]
    return found
