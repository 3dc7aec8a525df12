"""One setting, LECTERN_PROFILE, moves every place: pages' headers, the API's limits and pool, caches' configuration, deployments."""
from __future__ import annotations

import json
import re
from contextlib import closing
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from api.app import create_app
from api.settings import read_api_settings
from build import main
from builder import opening
from edge import deploy
from edge.settings import read_settings
from edge.store.sqlite import SQLiteStore
from edge.tiers import PROFILES, Tier, cache_control, stale_s
from tests.edge.deploy.made import deployment, named
from tests.site import Built, fill

# What the guide asks for, a profile: catalog, metadata and media in seconds; answers about a student; pool; requests in
# 15 minutes; log-in attempts; instances.
GUIDE = {
    "100k": (1800, 3600, 86400, 300, 50, 1000, 50, (5, 8)),
    "500k": (3600, 7200, 86400, 600, 75, 1500, 50, (10, 15)),
    "1m": (7200, 14400, 86400, 900, 100, 2000, 50, (15, 20)),
}


@pytest.fixture(params=GUIDE)
def name(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each profile, as the environment names it."""
    monkeypatch.setenv("LECTERN_PROFILE", request.param)
    return str(request.param)


def test_there_are_three_and_their_numbers_are_the_guides() -> None:
    assert {p.name: (p.catalog_s, p.metadata_s, p.media_s, p.user_s, p.pool_per_instance, p.requests_per_window,
                     p.auth_attempts_per_window, p.instances) for p in PROFILES.values()} == GUIDE


def test_the_edges_headers_follow_it(name: str) -> None:
    profile = read_settings({"LECTERN_PROFILE": name}).profile
    tiers: dict[Tier, int] = {"catalog": GUIDE[name][0], "metadata": GUIDE[name][1], "media": GUIDE[name][2], "retired": GUIDE[name][1]}
    for tier, seconds in tiers.items():
        assert cache_control(tier, profile).endswith(f"s-maxage={seconds}")
    assert cache_control("user", profile) == f"private, max-age={GUIDE[name][3]}, must-revalidate"


def test_the_builders_pages_follow_it(name: str, site: Built) -> None:
    fill(site)
    site.build(profile=opening.settings().profile)
    objects = site.objects()
    for path, seconds in (("/", GUIDE[name][0]), ("/videos/lecture-1/", GUIDE[name][1]), ("/data/video/1.json", GUIDE[name][2])):
        assert objects[path].cache_control.endswith(f"s-maxage={seconds}"), path


def test_the_apis_limits_pool_and_answers_follow_it(name: str, tmp_path: Path) -> None:
    settings = read_api_settings({"LECTERN_PROFILE": name})
    assert (settings.user_s, settings.connections, settings.requests_per_window, settings.auth_attempts_per_window) == GUIDE[name][3:7]
    with closing(SQLiteStore(tmp_path / "site.db")) as store:
        app = create_app(settings, store)
        assert app.config["LECTERN_PROFILE"] == name
        told = app.test_client().get("/api/v1/nothing").headers["RateLimit-Policy"]
    assert told == f'"requests";q={GUIDE[name][5]};w=900'


@pytest.mark.parametrize("target", ["varnish", "nginx"])
def test_the_generated_configuration_follows_it(name: str, target: str, tmp_path: Path) -> None:
    assert CliRunner().invoke(main, ["config", target, "--out", str(tmp_path)]).exit_code == 0
    text = (tmp_path / {"varnish": "default.vcl", "nginx": "nginx.conf"}[target]).read_text()
    assert f"--profile {name}`" in text
    profile = PROFILES[name]
    if target == "nginx":  # it reads the tiers' times from the pages alone
        assert f"limit_conn lines {2 * profile.requests_per_window};" in text
        return
    shown = dict(re.findall(r'Cache-Control == "([^"]+)"\) \{\s+set beresp\.http\.lectern-stale = "(\d+)s"', text))
    tiers: tuple[Tier, ...] = ("catalog", "metadata", "media", "named", "asset")
    assert shown == {cache_control(tier, name): str(stale_s(tier, name)) for tier in tiers}
    assert f'"miss " + req.http.lectern-client, {profile.requests_per_window},' in text


def test_cloudfronts_ceilings_follow_it(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LECTERN_STORE", "s3://bucket/site")
    monkeypatch.setenv("LECTERN_BASE_URL", "https://lectures.example")
    assert CliRunner().invoke(main, ["config", "cloudfront", "--out", str(tmp_path)]).exit_code == 0
    made = json.loads((tmp_path / "template.json").read_text())["Resources"]
    ceilings = [made[f"{tier}Tier"]["Properties"]["CachePolicyConfig"]["MaxTTL"] for tier in ("Catalog", "Metadata", "Media")]
    assert ceilings == [*GUIDE[name][:3]]


def test_kubernetes_follows_it(name: str) -> None:
    """Two to twenty instances whatever the profile; it sets how many come at a time, and what the pooler takes."""
    made = named(deployment(name))
    assert made["ConfigMap/lectern"]["data"]["LECTERN_PROFILE"] == name
    scaler = made["HorizontalPodAutoscaler/lectern-api"]["spec"]
    least, most = GUIDE[name][7]
    assert {"type": "Pods", "value": least, "periodSeconds": 15} in scaler["behavior"]["scaleUp"]["policies"]
    assert scaler["minReplicas"] == 2
    assert most <= scaler["maxReplicas"] == 20
    pooler = made["ConfigMap/lectern-pooler"]["data"]["pgbouncer.ini"]
    (clients,) = re.findall(r"max_client_conn = (\d+)", pooler)
    assert int(clients) >= 20 * GUIDE[name][4]


def test_compose_follows_it(name: str) -> None:
    services = yaml.safe_load(deploy.files("compose", deployment(name, store="sqlite:////srv/lectern/site.db"))["compose.yaml"])["services"]
    for part in ("api", "worker"):
        assert services[part]["environment"]["LECTERN_PROFILE"] == name, part


@pytest.mark.parametrize("target", ["systemd", "prometheus"])
def test_units_and_rules_name_no_profile(name: str, target: str) -> None:
    """Units read it from the project's .env, like `serve` by hand; rules compare what an instance tells with its own share."""
    text = "".join(deploy.files(target, deployment(name)).values())
    assert text == "".join(deploy.files(target, deployment("100k")).values())
    if target == "systemd":
        assert "WorkingDirectory=/srv/lectern\n" in text
        assert "LECTERN_PROFILE" not in text
    else:
        assert "lectern_pool_in_use / lectern_pool_share" in text
