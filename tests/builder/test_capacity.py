"""The plan for a number of students: its arithmetic, what it warns of, what a program and a reader get, and that it is measured."""
from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from builder.capacity import figures as known
from builder.capacity import hits, measuring, prices, scratch
from builder.capacity.assumptions import Assumptions
from builder.capacity.page import page
from builder.capacity.plan import Plan, plan
from builder.capacity.reference import REFERENCE
from edge.errors import SettingsError
from edge.tiers import PROFILES
from tests.conftest import open_folder

TOP = Path(__file__).parents[2]


def planned(users: int = 1_000_000, profile: str = "1m", assumed: Assumptions | None = None) -> Plan:
    return plan(users, profile, assumed or Assumptions(), REFERENCE)


@pytest.mark.parametrize(("asked_per_s", "kept_s"), [(0.001, 600), (0.1, 60), (5, 7200)])
def test_without_purges_the_hits_are_those_of_the_known_formula(asked_per_s: float, kept_s: float) -> None:
    found = hits.page(asked_per_s, kept_s)
    assert found.hit == pytest.approx(asked_per_s * kept_s / (1 + asked_per_s * kept_s))
    assert found.hit + found.fetched == pytest.approx(1)


@pytest.mark.parametrize(("asked_per_s", "kept_s", "stale_s", "purged_per_s"), [
    (0.02, 100, 0, 0.01), (0.02, 100, 20, 0.0), (0.05, 60, 30, 0.02), (0.5, 10, 1, 0.001)])
def test_purges_and_the_moment_past_its_time_count_as_a_cache_counts_them(
        asked_per_s: float, kept_s: float, stale_s: float, purged_per_s: float) -> None:
    chance = random.Random(7)
    asked = hit = fetched = 0
    now, until, purge = 0.0, -1.0, chance.expovariate(purged_per_s) if purged_per_s else float("inf")
    for _ in range(100_000):
        now += chance.expovariate(asked_per_s)
        while purge <= now:
            until, purge = -1e9, purge + chance.expovariate(purged_per_s)
        asked += 1
        hit += now < until + stale_s
        if now >= until:
            fetched, until = fetched + 1, now + kept_s
    found = hits.page(asked_per_s, kept_s, stale_s, purged_per_s)
    assert found.hit == pytest.approx(hit / asked, abs=0.01)
    assert found.fetched == pytest.approx(fetched / asked, abs=0.01)


def test_hits_grow_with_requests_and_with_time_and_shrink_with_purges() -> None:
    few = hits.zipf(500, 0.8)
    assert sum(few) == pytest.approx(1)
    rates = [hits.pages(rate, few, 600).hit for rate in (0.01, 0.1, 1, 10)]
    times = [hits.pages(1, few, kept_s).hit for kept_s in (10, 100, 1000)]
    purged = [hits.pages(1, few, 600, 10, per_s).hit for per_s in (0.1, 0.01, 0.0)]
    for series in (rates, times, purged):
        assert series == sorted(series)
        assert len(set(series)) == len(series)


def test_every_request_is_counted_once() -> None:
    asked = planned().asked
    assert asked.edge == pytest.approx(asked.pages + asked.pictures + asked.assets + asked.overlay + asked.progress + asked.log_ins)
    assert asked.api == pytest.approx(asked.overlay + asked.progress + asked.log_ins)
    kept = asked.pages + asked.pictures + asked.assets
    assert asked.store < kept
    twice = planned(2_000_000).asked
    assert twice.edge == pytest.approx(2 * asked.edge)
    assert twice.store < 2 * asked.store, "a cache that is asked more is found fuller"


def test_it_warns_of_two_thousand_connections_and_says_what_to_do() -> None:
    found = planned()
    assert found.needed.connections == 20 * 100 + 10
    (warned,) = [one for one in found.warned if "2,010 on one PostgreSQL" in one.what]
    assert "PgBouncer" in warned.do
    assert found.needed.pooled_connections < 97
    assert not [one for one in planned(assumed=Assumptions(max_connections=2_500)).warned if "on one PostgreSQL, whose" in one.what]


@pytest.mark.parametrize(("more", "word"), [
    ({"think_s": 30}, "instances are needed"), ({"redis_gb": 1}, "Redis holds"), ({"database_cores": 2}, "the database is at work"),
    ({"points": 1000, "think_s": 7200}, "found at the edge"), ({"think_s": 1, "overlay_a_page": 3}, "a student asks")])
def test_each_limit_that_is_passed_is_named_with_its_remedy(more: dict[str, float], word: str) -> None:
    (warned,) = [one for one in planned(assumed=Assumptions().changed(more)).warned if word in one.what]
    assert warned.do
    assert not [one for one in planned(1_000).warned if word in one.what and word != "found at the edge"]


@pytest.mark.parametrize("name", PROFILES)
def test_instances_are_no_fewer_than_the_profiles_least(name: str) -> None:
    assert planned(100, name).needed.instances == PROFILES[name].instances[0]


def test_the_cdns_price_falls_step_by_step() -> None:
    assert prices.egress(1) == 0
    assert prices.egress(11) == pytest.approx(10_000 * 0.085)
    assert prices.egress(51) == pytest.approx(10_000 * 0.085 + 40_000 * 0.080)
    assert prices.requests(10_000_000) == 0
    assert prices.requests(20_000_000) == pytest.approx(10)


def test_the_page_loads_nothing_and_shows_the_plans_own_numbers() -> None:
    found = planned()
    named = replace(REFERENCE, machine="<script>alert(1)</script>")
    text = page(found, Assumptions(), named, reference=False)
    assert "<script" not in text
    assert not re.search(r'(?:src|href)=|url\(|@import', text)
    assert text.count("<svg") == 4
    for number in (f"{found.bill.total:,.0f}", f"{found.needed.connections:,}", f"{found.asked.edge:,.0f}"):
        assert number in text
    for warned in found.warned:
        assert warned.what[1:20] in text
    assert "prefers-color-scheme: dark" in text


def test_the_command_says_all_of_it_to_a_program_and_to_a_person(tmp_path: Path) -> None:
    done = _capacity(tmp_path, "--users", "1000000", "--json", "--html", str(tmp_path / "plan.html"))
    assert done.returncode == 1, "it breaks somewhere"
    said = json.loads(done.stdout)
    assert said["profile"] == "1m"
    assert said["figures"]["reference"] is True
    assert set(said["asked"]) >= {"edge", "store", "api", "database"}
    assert (tmp_path / "plan.html").read_text().startswith("<!doctype html>")
    shown = _capacity(tmp_path, "--users", "90000", "--max-connections", "1000")
    assert shown.returncode == 0, shown.stdout
    assert "profile 100k" in shown.stdout
    assert "reference figures, not of this machine" in shown.stdout
    assert "--think-s" in shown.stdout


@pytest.mark.parametrize(("arguments", "word"), [
    (("--users", "0"), "--users"), (("--users", "10", "--zipf", "9"), "--zipf"), (("--users", "10", "--think-s", "x"), "--think-s")])
def test_what_makes_no_sense_is_refused_by_its_option(tmp_path: Path, arguments: tuple[str, ...], word: str) -> None:
    done = _capacity(tmp_path, *arguments)
    assert done.returncode == 2
    assert word in done.stderr


def test_figures_are_kept_and_what_is_none_is_refused(tmp_path: Path) -> None:
    assert known.load(tmp_path) is None
    known.save(tmp_path, REFERENCE)
    assert known.load(tmp_path) == REFERENCE
    for broken in ("", "[]", "{}", json.dumps(asdict(REFERENCE) | {"page_ms": -1}), json.dumps(asdict(REFERENCE) | {"page_ms": True})):
        (tmp_path / known.FILE).write_text(broken)
        with pytest.raises(SettingsError, match="--measure"):
            known.load(tmp_path)


def test_measuring_asks_a_real_site_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [str(TOP / "build.py")])
    monkeypatch.setattr(measuring, "RUN_S", 0.5)
    monkeypatch.setattr(measuring, "WARM_S", 0.2)
    monkeypatch.setattr(scratch, "STUDENTS", 200)
    heard: list[str] = []
    with open_folder("lectern-tests-") as folder:
        monkeypatch.setattr("tempfile.tempdir", str(folder))
        found = measuring.measure(heard.append)
        assert list(folder.iterdir()) == []
    assert len(heard) == 5
    values = {name: value for name, value in asdict(found).items() if isinstance(value, float)}
    assert min(values.values()) >= 0
    assert found.overlay_statements >= 2
    assert found.progress_statements > found.overlay_statements
    assert found.login_ms > found.overlay_ms, "a log-in hashes a password"
    assert found.assets >= 3


def _capacity(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "build.py", "capacity", *arguments], cwd=TOP, capture_output=True, text=True, timeout=60,
                          env=os.environ | {"LECTERN_DATA": str(folder)})
