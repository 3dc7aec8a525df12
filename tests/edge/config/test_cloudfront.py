"""The template passes CloudFormation's linter; its functions answer as the origin does, run by a JavaScript engine over what S3 gives."""
from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote

import pytest
from py_mini_racer import MiniRacer

from edge.address import Path as SitePath
from edge.address import key_of
from edge.cdn.cloudfront import TAG_HEADER
from edge.config import write
from edge.config.cache_node import CacheNode, Upstream
from edge.config.cloudfront import FUNCTION_BYTES, files, functions
from edge.errors import SettingsError
from edge.origin import Origin
from edge.policy import page_headers
from edge.store.port import Put
from edge.store.s3_metadata import attributes_of
from edge.store.sqlite import SQLiteStore
from edge.tiers import ERROR_S, PROFILES, YEAR_S, cache_control
from tests.builder.test_headers import WHERE
from tests.edge.asking import ask
from tests.edge.pages import page

HEADERS = page_headers(https=True, frame_hosts=["tube.example"])
SERVE = Upstream("https", "api.lectures.example", 443)
KEY = "K2JCJMDEHXQW5F"


def _place(profile: str = "500k", **more: Any) -> CacheNode:
    return CacheNode("https://lectures.example", profile, HEADERS, SERVE, SERVE, **{"store": "s3://lectures-pages/site/v1", **more})


def _template(**more: Any) -> Any:
    return json.loads(files(_place(**more))["template.json"])


def test_cloudformations_linter_finds_nothing(tmp_path: Path) -> None:
    paths = []
    for name, key in (("unsigned", ""), ("signed", KEY)):
        paths.append(str(write("cloudfront", _place(media_key_id=key), tmp_path / name)[0]))
    linter = Path(sys.executable).with_name("cfn-lint")
    done = subprocess.run([str(linter), *paths], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout


@pytest.mark.parametrize("profile", PROFILES)
def test_its_times_are_the_profiles(profile: str) -> None:
    found = json.loads(files(_place(profile))["template.json"])["Resources"]
    policies = {name: thing["Properties"] for name, thing in found.items() if thing["Type"].endswith("CachePolicy")}
    most = {name: policy["CachePolicyConfig"]["MaxTTL"] for name, policy in policies.items()}
    times = PROFILES[profile]
    assert (most["CatalogTier"], most["MetadataTier"], most["MediaTier"]) == (times.catalog_s, times.metadata_s, times.media_s)
    for error in found["Distribution"]["Properties"]["DistributionConfig"]["CustomErrorResponses"]:
        assert error["ErrorCachingMinTTL"] <= ERROR_S
        assert "ResponsePagePath" not in error, "it would replace what the API says"


@pytest.mark.parametrize("profile", PROFILES)
def test_each_kind_of_page_is_kept_for_its_tiers_time_by_the_behaviour_that_takes_it(profile: str) -> None:
    """A behaviour's policy is a ceiling over what the object's own header says."""
    found = json.loads(files(_place(profile))["template.json"])["Resources"]
    config = found["Distribution"]["Properties"]["DistributionConfig"]

    def ceiling_s(path: str) -> int:
        behaviour = next((one for one in config["CacheBehaviors"] if fnmatchcase(path, one["PathPattern"])), config["DefaultCacheBehavior"])
        policy = found[behaviour["CachePolicyId"]["Ref"]]["Properties"]["CachePolicyConfig"]
        assert policy["MinTTL"] == 0
        return int(policy["MaxTTL"])

    for path, (_, times) in WHERE.items():
        assert min(ceiling_s(path), times[profile]) == times[profile], path
    for path in ("/pictures/1/b.jpg", "/media/talk.mp4", "/media/hls/part-1.ts", "/protected/1.1.s/talk.mp4"):
        assert ceiling_s(path) == PROFILES[profile].media_s, path
    assert ceiling_s("/assets/site.0123456789abcdef.css") == YEAR_S
    assert ceiling_s("/api/v1/me") == 1


def test_the_security_headers_are_the_policys() -> None:
    config = _template()["Resources"]["Secure"]["Properties"]["ResponseHeadersPolicyConfig"]
    text = json.dumps(config)
    for name, value in HEADERS:
        if name == "Strict-Transport-Security":
            assert config["SecurityHeadersConfig"]["StrictTransportSecurity"]["AccessControlMaxAgeSec"] == int(value.partition("=")[2])
        elif name == "X-Content-Type-Options":
            assert "ContentTypeOptions" in config["SecurityHeadersConfig"]
        else:
            assert json.dumps(value) in text, name


def test_pages_are_purged_by_the_tags_that_objects_are_stored_with() -> None:
    config = _template()["Resources"]["Distribution"]["Properties"]["DistributionConfig"]
    assert config["CacheTagConfig"] == {"HeaderName": TAG_HEADER}
    assert f"x-amz-meta-{next(name for name in attributes_of(page('x', 'x', tags='p1 all')) if 'tag' in name)}" == TAG_HEADER


def test_the_api_is_asked_with_all_it_needs_and_no_error_of_it_reaches_another_session() -> None:
    found = _template()["Resources"]
    (api,) = [b for b in found["Distribution"]["Properties"]["DistributionConfig"]["CacheBehaviors"] if b["PathPattern"] == "/api/*"]
    assert {"POST", "DELETE"} < set(api["AllowedMethods"])
    assert "FunctionAssociations" not in api
    policy = found[api["CachePolicyId"]["Ref"]]["Properties"]["CachePolicyConfig"]
    assert (policy["MinTTL"], policy["DefaultTTL"], policy["MaxTTL"]) == (0, 0, 1)
    key = policy["ParametersInCacheKeyAndForwardedToOrigin"]
    assert key["CookiesConfig"]["CookieBehavior"] == key["QueryStringsConfig"]["QueryStringBehavior"] == "all"
    assert "Authorization" in key["HeadersConfig"]["Headers"]


def test_no_query_cookie_or_header_is_a_key_of_a_page() -> None:
    tiers = [thing for name, thing in _template()["Resources"].items() if thing["Type"].endswith("CachePolicy") and name != "ApiTier"]
    assert tiers
    for thing in tiers:
        key = thing["Properties"]["CachePolicyConfig"]["ParametersInCacheKeyAndForwardedToOrigin"]
        assert [*key.values()] == [
            {"HeaderBehavior": "none"}, {"CookieBehavior": "none"}, {"QueryStringBehavior": "none"}, False, False]


def test_protected_media_need_the_sites_key_and_are_refused_where_there_is_none() -> None:
    def behaviour(**more: Any) -> tuple[Any, Any]:
        found = _template(**more)["Resources"]
        return found, next(b for b in found["Distribution"]["Properties"]["DistributionConfig"]["CacheBehaviors"]
                           if b["PathPattern"] == "/protected/*")

    found, signed = behaviour(media_key_id=KEY)
    assert found[signed["TrustedKeyGroups"][0]["Ref"]]["Properties"]["KeyGroupConfig"]["Items"] == [KEY]
    assert signed["TargetOriginId"] == "bucket", "never from a server that would check another signature"
    found, unsigned = behaviour()
    assert "TrustedKeyGroups" not in unsigned
    assert _Edge(_place()).request("/protected/batch-1/video-1.mp4")["statusCode"] == 403


@pytest.mark.parametrize("store", ["sqlite:///x/site.db", "s3://", "s3://Bad_Name", "s3://bucket/pre fix"])
def test_a_store_that_is_no_bucket_is_refused_by_its_setting(store: str) -> None:
    with pytest.raises(SettingsError, match="LECTERN_STORE"):
        files(_place(store=store))


def test_the_functions_are_within_the_limit() -> None:
    for code in functions(_place(media_key_id=KEY)):
        assert len(code.encode()) < FUNCTION_BYTES
        # What the runtime lacks: it is an older engine with single newer things.
        assert not re.search(r"\?\.|\?\?|\.\.\.|\bclass\b|\bimport\b|\basync\b|=>", code)


# the functions, over what a bucket gives ------------------------------------------------------------


class _Edge:
    """CloudFront as far as the functions see it: request function, bucket, response function."""

    def __init__(self, place: CacheNode, store: SQLiteStore | None = None) -> None:
        self._store = store
        self._engines = []
        for code in functions(place):
            engine = MiniRacer()
            engine.eval(code)
            self._engines.append(engine)

    def request(self, target: str) -> Any:
        """What the request function makes of it: a request, or an answer, which has a status."""
        return self.call(0, {"request": _event(target)})

    def get(self, target: str) -> tuple[int, dict[str, str]]:
        """The status that a viewer gets, and the headers that functions and bucket give."""
        request = self.request(target)
        if "statusCode" in request:
            return request["statusCode"], {name: one["value"] for name, one in request["headers"].items()}
        assert self._store
        found = self._store.get(unquote(request["uri"][1:]))
        if found is None:
            return 404, {}  # by the group's second origin
        thing = found[0]
        stored = attributes_of(thing)
        own = ("Content-Type", "Cache-Control", "Content-Encoding")
        headers = {name.lower() if name in own else f"x-amz-meta-{name}": {"value": value} for name, value in stored.items()}
        answer = self.call(1, {"request": request, "response": {"statusCode": 200, "headers": headers, "cookies": {}}})
        return answer["statusCode"], {name: one["value"] for name, one in answer["headers"].items()}

    def call(self, number: int, event: Mapping[str, Any]) -> Any:
        """What the function of that number makes of *event*."""
        return json.loads(str(self._engines[number].eval(f"JSON.stringify(handler({json.dumps(event)}))")))


def _event(target: str) -> dict[str, Any]:
    path, _, query = target.partition("?")
    found: dict[str, Any] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name in found:
            found[name].setdefault("multiValue", [{"value": found[name]["value"]}]).append({"value": value})
        else:
            found[name] = {"value": value}
    return {"method": "GET", "uri": path, "querystring": found, "headers": {}, "cookies": {}}


class _Both(NamedTuple):
    """The same objects behind the functions and behind the origin."""

    origin: Origin
    edge: _Edge

    def same(self, target: str) -> tuple[int, dict[str, str]]:
        """What the edge answers, which is the origin's status, place and kind."""
        there, (status, headers) = ask(self.origin, target), self.edge.get(target)
        assert status == there.status, target
        for name in ("location", "content-type") if status < 400 or status == 410 else ():
            made = name == "content-type" and "location" in headers  # a redirect of the function's own has no body
            assert made or headers.get(name) == there.headers.get(name), (target, name)
        return status, headers


@pytest.fixture
def both(tmp_path: Path) -> Iterator[_Both]:
    with closing(SQLiteStore(tmp_path / "site.db")) as store:
        objects = [
            page("index.html", "home", cache_control=cache_control("catalog", "500k")),
            page(key_of(SitePath("/videos/na%C3%AFve/")), "naive", cache_control=cache_control("metadata", "500k"), tags="p1 all"),
            page("gone/index.html", "gone", status=410, cache_control=cache_control("retired", "500k")),
            page("old/index.html", "moved", status=301, location="/videos/na%C3%AFve/"),
            page(".well-known/change-password/index.html", "there", status=302, location="/account/password/"),
            page(".well-known/security.txt", "Contact", content_type="text/plain; charset=utf-8"),
            page("speculation-rules.json", "{}", content_type="application/speculationrules+json"),
            page("assets/app.0123.js", "1", content_type="text/javascript", cache_control=cache_control("asset", "500k")),
            page("404.html", "nobody"), page("retained/a.1", "secret"), page(".hidden/index.html", "secret")]
        store.put(Put(one) for one in objects)
        yield _Both(Origin(store, HEADERS, profile="500k"), _Edge(_place(), store))


@pytest.mark.parametrize("target", [
    "/", "/index.html", "/videos/na%C3%AFve/", "/videos/na%C3%AFve", "/videos/na%C3%AFve/index.html", "/videos/na%C3%AFve/?a=1&b=2",
    "/gone/", "/old/", "/old/?from=mail", "/videos/none/", "/robots.txt", "/assets/app.0123.js", "/speculation-rules.json", "/404.html",
    "/retained/a.1", "/.hidden/", "/.well-known/security.txt", "/.well-known/change-password/", "/videos//x/", "/videos/../x/",
    "/videos/%2e/", "/videos/x%2f/", "/videos/x%5c/", "/videos/%zz/", "/videos/%00/"])
def test_status_and_place_are_the_origins(both: _Both, target: str) -> None:
    if target == "/old/?from=mail":  # the origin leaves the query to the edge
        assert both.edge.get(target)[1]["location"] == "/videos/na%C3%AFve/?from=mail"
        return
    both.same(target)


@pytest.mark.parametrize("target", ["/videos/na%C3%AFve", "/videos/na%C3%AFve/index.html"])
@pytest.mark.parametrize("query", ["", "?from=mail", "?a=1&a=2&b="])
def test_four_spellings_are_one_address_and_a_query_is_given_back(both: _Both, target: str, query: str) -> None:
    status, headers = both.edge.get(target + query)
    assert (status, headers["location"]) == (301, "/videos/na%C3%AFve/" + query.removesuffix("="))
    assert headers["cache-control"] == cache_control("spelling", "500k")


def test_a_browser_is_told_its_own_time_and_nothing_of_ours(both: _Both) -> None:
    changing = "public, max-age=60, must-revalidate"
    for target, control in (("/videos/na%C3%AFve/", changing), ("/gone/", changing),
                            ("/assets/app.0123.js", cache_control("asset", "500k"))):
        _, headers = both.edge.get(target)
        assert headers["cache-control"] == control
        assert not [name for name in headers if name.startswith("x-amz-")]
    assert both.edge.get("/videos/na%C3%AFve/")[1]["vary"] == "Accept-Encoding"


@pytest.mark.parametrize("target", ["/retained/a.1", "/%72etained/a.1", "/healthz", "/readyz", "/metrics", "/%61pi/v1/me", "/api",
                                    "/%68ealthz", "/.git/config", "/x/.env", "/%70rotected/a.mp4"])
def test_what_is_shut_is_shut_in_every_spelling(both: _Both, target: str) -> None:
    assert both.edge.get(target)[0] in (400, 404)


def test_signed_media_pass_as_they_are_named_and_no_browser_keeps_them(tmp_path: Path) -> None:
    with closing(SQLiteStore(tmp_path / "site.db")) as store:
        store.put([Put(page("protected/batch-1/one.m3u8", "list", gzipped=False, cache_control=cache_control("media", "500k")))])
        edge = _Edge(_place(media_key_id=KEY), store)
        assert edge.request("/protected/batch-1/one.m3u8?Policy=x")["uri"] == "/protected/batch-1/one.m3u8"
        status, headers = edge.get("/protected/batch-1/one.m3u8?Policy=x")
        assert (status, headers["cache-control"]) == (200, "no-store")


def test_a_location_of_a_stranger_in_the_metadata_leads_nowhere(both: _Both) -> None:
    for location in ("https://evil.example/", "//evil.example/", "/x\r\nSet-Cookie: a"):
        answer = both.edge.call(1, {"request": _event("/old/"), "response": {"statusCode": 200, "headers": {
            "x-amz-meta-status": {"value": "301"}, "x-amz-meta-location": {"value": location}}, "cookies": {}}})
        assert answer["statusCode"] == 200
        assert "location" not in answer["headers"]
