"""CloudFront: what it counts, bills and refuses; odd paths never cost the plain ones; deaf distributions are found."""
from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from edge.cdn.cloudfront import TAG_HEADER, CloudFront
from edge.cdn.port import ALL, PurgeError, tag, url
from edge.origin import Origin
from edge.store.sqlite import SQLiteStore
from tests.edge import servers
from tests.edge.fakes.cache import Cache
from tests.edge.fakes.cloudfront import DISTRIBUTION, CloudFrontApi
from tests.edge.fakes.server import Reply, served


@pytest.fixture
def api(store: SQLiteStore, credentials: Callable[[str], None]) -> Iterator[CloudFrontApi]:
    """The vendor's interface, whose invalidations stay in progress until the clock moves."""
    with served(CloudFrontApi(Cache(Origin(store)), takes_s=60, clock=lambda: NOW[0])) as api:
        credentials(api.url)
        assert isinstance(api, CloudFrontApi)
        yield api


NOW = [0.0]


def test_tags_and_paths_are_spelt_as_it_wants_them(api: CloudFrontApi) -> None:
    CloudFront(DISTRIBUTION).purge([tag("video:1"), tag("video:1"), url("/videos/x/"), ALL])
    assert api.invalidations == [["#video:1", "/videos/x/", "/*"]]


def test_each_call_has_a_reference_of_its_own_so_the_same_names_are_purged_again(api: CloudFrontApi) -> None:
    purger = CloudFront(DISTRIBUTION)
    purger.purge([tag("p1")])
    purger.purge([tag("p1")])
    assert api.invalidations == [["#p1"], ["#p1"]]


@pytest.mark.parametrize("path", ["/a~b/", "/it's/", "/a b/", "/a%20b/", '/"q"/', "/naïve/", "/na%C3%AFve/", "/a*", "/a*/"])
def test_an_odd_path_is_left_to_its_tag(path: str) -> None:
    assert not CloudFront(DISTRIBUTION).takes(url(path))


@pytest.mark.parametrize("path", ["/", "/videos/c-plus-plus/", "/data/video/1.json", "/videos/page/2/", "/sitemap.xml"])
def test_a_plain_path_is_taken(path: str) -> None:
    assert CloudFront(DISTRIBUTION).takes(url(path))


def test_more_than_3000_in_progress_is_an_error_to_be_asked_again_later(api: CloudFrontApi) -> None:
    purger = CloudFront(DISTRIBUTION)
    for n in range(3):
        purger.purge([tag(f"p{n}-{i}") for i in range(1_000)])
    with pytest.raises(PurgeError, match="in progress") as caught:
        purger.purge([tag("p")])
    assert not caught.value.lasting
    assert caught.value.retry_after_s
    NOW[0] += 61
    purger.purge([tag("p")])


def test_a_refused_path_is_lasting_and_a_missing_right_is_not(api: CloudFrontApi) -> None:
    with pytest.raises(PurgeError) as caught:
        CloudFront(DISTRIBUTION).purge([url("/a~b/")])
    assert caught.value.lasting
    with pytest.raises(PurgeError, match="LECTERN_CLOUDFRONT_DISTRIBUTION") as caught:
        CloudFront("EOTHER").purge([tag("p1")])
    assert not caught.value.lasting


@pytest.mark.parametrize("reply", [Reply(0), Reply(503), Reply(500, b"<html>"), Reply(400, b"<ErrorResponse><Error><Code>Throttling</Code>"
                                   b"<Message>Rate exceeded</Message></Error></ErrorResponse>")])
def test_no_answer_and_a_busy_service_are_tried_again(api: CloudFrontApi, reply: Reply) -> None:
    api.fault = reply
    with pytest.raises(PurgeError, match="sent again") as caught:
        CloudFront(DISTRIBUTION).purge([tag("p1")])
    assert not caught.value.lasting
    assert len(api.seen) == 1, "the driver repeats nothing by itself: the debt does"


def test_a_distribution_that_reads_another_header_is_deaf_and_said_so(api: CloudFrontApi) -> None:
    purger = CloudFront(DISTRIBUTION)
    assert (purger.header_name(), purger.deaf()) == (TAG_HEADER, "")
    api.header_name = "cache-tag"
    assert "'cache-tag'" in purger.deaf()
    api.header_name = ""
    assert "reads no cache tags" in purger.deaf()
    assert TAG_HEADER in purger.deaf()


def test_moto_takes_our_invalidations_too(s3_server: Callable[[str], servers.Server], credentials: Callable[[str], None]) -> None:
    import boto3

    credentials(s3_server("moto").url)
    client = boto3.client("cloudfront", region_name="us-east-1")
    origin = {"Id": "site", "DomainName": "site.s3.amazonaws.com", "S3OriginConfig": {"OriginAccessIdentity": ""}}
    config = {"CallerReference": "one", "Origins": {"Quantity": 1, "Items": [origin]}, "Comment": "", "Enabled": True,
              "DefaultCacheBehavior": {"TargetOriginId": "site", "ViewerProtocolPolicy": "redirect-to-https"},
              "CacheTagConfig": {"HeaderName": TAG_HEADER}}
    id = client.create_distribution(DistributionConfig=config)["Distribution"]["Id"]
    purger = CloudFront(id)
    purger.purge([tag("video:1"), url("/videos/x/")])
    (made,) = client.list_invalidations(DistributionId=id)["InvalidationList"]["Items"]
    batch = client.get_invalidation(DistributionId=id, Id=made["Id"])["Invalidation"]["InvalidationBatch"]
    assert sorted(batch["Paths"]["Items"]) == ["#video:1", "/videos/x/"]
    assert purger.deaf() == ""
