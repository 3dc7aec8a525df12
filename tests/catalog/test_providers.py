"""Each provider against a stand-in that answers as the real one documents: lengths, pictures, what is gone, what is no answer."""
from __future__ import annotations

from collections.abc import Iterator

import pytest

from builder.catalog.providers import Answer, Ask, Provider, YouTube, providers
from builder.catalog.providers.pace import HostDown
from builder.catalog.providers.web import Unreachable, Web
from builder.catalog.providers.youtube import WITNESS, seconds
from tests.catalog.stand_ins import (
    KEY,
    TOKEN,
    Providers,
    Request,
    Said,
    as_json,
    videos_list,
    youtube_error,
    youtube_item,
)

HTML = {"Content-Type": "text/html; charset=utf-8"}
PROBLEM = {"Content-Type": "application/problem+json; charset=utf-8"}
UUID = "9c9de5e8-0a1e-484a-b099-e80766180a6d"


@pytest.fixture
def web(talkers: Providers) -> Iterator[Web]:
    made = Web("Lectern tests", private_hosts=[talkers.host])
    yield made
    made.close()


def whom(talkers: Providers, kind: str, *, key: str | None = KEY, units: int = 100, token: str | None = TOKEN) -> Provider:
    return providers(talkers.endpoints, youtube_key=key, youtube_units=units, vimeo_token=token)[kind]


def one(provider: Provider, web: Web, url: str, etag: str = "", modified: str = "") -> Answer:
    (answer,) = provider.ask(web, [Ask(url, etag, modified)])
    return answer


def watch(n: int) -> str:
    return f"https://www.youtube.com/watch?v={n:011}"


@pytest.mark.parametrize(("text", "length"), [
    ("PT1H2M3S", 3723), ("PT19S", 19), ("P1DT0S", 86_400), ("P1DT1S", None), ("P0D", None), ("PT0S", None), ("P3W3DT20H31M21S", None),
    ("", None), ("PT", None), (None, None), (5, None), ("PT1H", 3600), ("-PT5S", None), ("PT" + "9" * 50 + "S", None)])
def test_an_iso_duration_is_seconds_or_nothing(text: object, length: int | None) -> None:
    assert seconds(text) == length


def test_youtube_is_asked_for_fifty_at_once_and_pays_a_unit_each(talkers: Providers, web: Web) -> None:
    provider = whom(talkers, "youtube")
    assert isinstance(provider, YouTube)
    assert provider.batch == 50
    names = [f"{n:011}" for n in range(50)]
    talkers.youtube = {id: youtube_item(id, f"PT{int(id) + 1}S", f"https://i.ytimg.com/vi/{id}/hqdefault.jpg") for id in names}
    answers = provider.ask(web, [Ask(watch(n)) for n in range(50)])
    assert [a.outcome for a in answers] == ["found"] * 50
    assert (answers[7].duration_s, answers[7].picture_url) == (8, "https://i.ytimg.com/vi/00000000007/hqdefault.jpg")
    assert provider.spent == 1
    assert [set(request.query) >= {"part", "id", "key"} for request in talkers.asked] == [True]
    assert "statistics" not in talkers.asked[0].query["part"]


def test_the_same_fifty_are_asked_for_under_a_condition(talkers: Providers, web: Web) -> None:
    provider = whom(talkers, "youtube")
    talkers.youtube = {f"{n:011}": youtube_item(f"{n:011}") for n in range(3)}
    first = provider.ask(web, [Ask(watch(n)) for n in range(3)])
    again = [Ask(a.url, a.etag, a.last_modified, a.asked_with) for a in first]
    assert [a.outcome for a in provider.ask(web, again)] == ["same"] * 3
    talkers.youtube["00000000001"] = youtube_item("00000000001", "PT5M")
    assert [a.duration_s for a in provider.ask(web, again)] == [19, 300, 19]
    # Another set of addresses has another answer, whose ETag is not known yet.
    talkers.forget()
    assert [a.outcome for a in provider.ask(web, again[:2])] == ["found"] * 2
    assert "if-none-match" not in talkers.asked[0].headers


def test_an_id_that_a_whole_answer_lacks_is_missing(talkers: Providers, web: Web) -> None:
    provider = whom(talkers, "youtube")
    talkers.youtube = {f"{n:011}": youtube_item(f"{n:011}") for n in (1, 2)}
    answers = provider.ask(web, [Ask(watch(n)) for n in range(3)])
    assert [a.outcome for a in answers] == ["missing", "found", "found"]


@pytest.mark.parametrize("status", [{"uploadStatus": "rejected"}, {"uploadStatus": "deleted"}, {"privacyStatus": "private"}])
def test_what_youtube_keeps_but_shows_to_nobody_is_missing(talkers: Providers, web: Web, status: dict[str, str]) -> None:
    talkers.youtube = {"00000000001": youtube_item("00000000001", **status)}
    assert one(whom(talkers, "youtube"), web, watch(1)).outcome == "missing"


def test_an_answer_that_lacks_most_is_checked_with_an_id_that_is_sure_to_be_there(talkers: Providers, web: Web) -> None:
    provider = whom(talkers, "youtube")
    assert [a.outcome for a in provider.ask(web, [Ask(watch(1)), Ask(watch(2))])] == ["missing", "missing"]
    assert [request.query["id"] for request in talkers.asked] == ["00000000001,00000000002", f"00000000001,00000000002,{WITNESS}"]
    talkers.youtube_says = lambda ids: videos_list([])
    assert [a.outcome for a in provider.ask(web, [Ask(watch(1)), Ask(watch(2))])] == ["failed", "failed"]


def test_half_a_page_that_comes_back_whole_is_no_answer(talkers: Providers, web: Web) -> None:
    """A short answer that agrees with itself: the second question shows that what was missing is there."""
    talkers.youtube = {f"{n:011}": youtube_item(f"{n:011}") for n in range(10)}
    short = iter([videos_list([talkers.youtube["00000000000"]])])
    talkers.youtube_says = lambda ids: next(short, None)
    answers = whom(talkers, "youtube").ask(web, [Ask(watch(n)) for n in range(10)])
    assert [a.outcome for a in answers] == ["found"] + ["failed"] * 9


@pytest.mark.parametrize(("said", "word"), [
    (youtube_error(403, "quotaExceeded", "exceeded"), "quotaExceeded"), (youtube_error(400, "keyInvalid", "Bad Request"), "keyInvalid"),
    (Said(429, b"", {"Retry-After": "120"}), "429"), (Said(503), "503"), (Said(404), "404"),
    (Said(302, b"", {"Location": "/"}), "redirects"),
    (videos_list([], total=2), "not whole"), (videos_list([youtube_item("somebodyels")]), "not whole"), (Said(200, b"[]"), "not whole")],
    ids=lambda value: value if isinstance(value, str) else None)
def test_what_is_no_answer_of_the_api_stops_asking_it(talkers: Providers, web: Web, said: Said, word: str) -> None:
    talkers.youtube_says = lambda ids: said
    with pytest.raises((HostDown, Unreachable)) as error:
        whom(talkers, "youtube").ask(web, [Ask(watch(1))])
    assert word in str(error.value)
    assert KEY not in str(error.value)
    if isinstance(error.value, HostDown):
        assert error.value.retry_after_s == (120 if said.status == 429 else 0)


def test_a_wrong_key_and_an_id_too_many_are_refused_as_by_the_real_one(talkers: Providers, web: Web) -> None:
    with pytest.raises(HostDown, match="400 keyInvalid"):
        whom(talkers, "youtube", key="wrong").ask(web, [Ask(watch(1))])
    with pytest.raises(HostDown, match="400 invalidFilters"):
        whom(talkers, "youtube").ask(web, [Ask(watch(n)) for n in range(51)])


def test_no_unit_more_is_spent_than_allowed(talkers: Providers, web: Web) -> None:
    provider = whom(talkers, "youtube", units=1)
    talkers.youtube = {"00000000001": youtube_item("00000000001")}
    assert one(provider, web, watch(1)).outcome == "found"
    assert provider.ask(web, [Ask(watch(1))]) == []
    assert len(talkers.asked) == 1


def test_without_a_key_youtube_is_asked_by_oembed(talkers: Providers, web: Web) -> None:
    talkers.at["/yt/oembed"] = as_json(200, {"type": "video", "version": "1.0", "thumbnail_url": "https://i.ytimg.com/vi/x/hqdefault.jpg"})
    answer = one(whom(talkers, "youtube", key=None), web, watch(1))
    assert (answer.outcome, answer.duration_s, answer.picture_url) == ("found", None, "https://i.ytimg.com/vi/x/hqdefault.jpg")
    assert talkers.asked[0].query == {"url": watch(1), "format": "json"}
    for status, outcome in ((404, "missing"), (401, "failed"), (403, "failed"), (400, "failed")):
        talkers.at["/yt/oembed"] = Said(status, b"Unauthorized")
        assert one(whom(talkers, "youtube", key=None), web, watch(1)).outcome == outcome, status
    talkers.at["/yt/oembed"] = as_json(200, {"error": "none"})
    assert one(whom(talkers, "youtube", key=None), web, watch(1)).outcome == "failed"


def vimeo_says(request: Request) -> Said:
    """api.vimeo.com/videos/ID (developer.vimeo.com/api/reference/videos)."""
    if request.headers.get("authorization") != f"bearer {TOKEN}":
        return as_json(401, {"error": "You must provide a valid authenticated access token.", "error_code": 8003})
    sizes = [{"width": w, "height": w * 9 // 16, "link": f"https://i.vimeocdn.com/video/1-d_{w}"} for w in (100, 1920, 640, 1280)]
    return as_json(200, {"uri": "/videos/76979871", "duration": 62, "status": "available", "pictures": {"sizes": sizes}}, ETag='"v1"')


def test_vimeo_with_a_token_tells_length_and_a_fitting_picture(talkers: Providers, web: Web) -> None:
    talkers.at["/vimeo/videos/76979871"] = talkers.at["/vimeo/videos/76979871:8272103f6e"] = vimeo_says
    answer = one(whom(talkers, "vimeo"), web, "https://vimeo.com/76979871")
    assert (answer.outcome, answer.duration_s, answer.picture_url) == ("found", 62, "https://i.vimeocdn.com/video/1-d_1280")
    assert one(whom(talkers, "vimeo"), web, "https://vimeo.com/76979871", answer.etag).outcome == "same"
    assert one(whom(talkers, "vimeo"), web, "https://vimeo.com/76979871/8272103f6e").outcome == "found"
    with pytest.raises(HostDown, match="LECTERN_VIMEO_TOKEN"):
        one(whom(talkers, "vimeo", token="wrong"), web, "https://vimeo.com/76979871")


@pytest.mark.parametrize(("said", "outcome"), [
    (as_json(404, {"error": "The requested video couldn't be found."}), "missing"), (Said(404, b"<h1>", HTML), "failed"),
    (as_json(403, {"error": "You don't have access to it."}), "failed"), (as_json(200, {}), "failed"), (Said(200, b""), "failed")])
def test_only_vimeos_own_not_found_counts(talkers: Providers, web: Web, said: Said, outcome: str) -> None:
    talkers.at["/vimeo/videos/1"] = said
    assert one(whom(talkers, "vimeo"), web, "https://vimeo.com/1").outcome == outcome


def test_vimeo_without_a_token_is_asked_by_oembed(talkers: Providers, web: Web) -> None:
    told = {"type": "video", "duration": 62, "thumbnail_url": "https://i.vimeocdn.com/video/1_640.jpg"}
    talkers.at["/vimeo/oembed.json"] = as_json(200, told)
    answer = one(whom(talkers, "vimeo", token=None), web, "https://vimeo.com/76979871")
    assert (answer.duration_s, answer.picture_url) == (62, "https://i.vimeocdn.com/video/1_640.jpg")


def test_peertube_tells_length_and_picture(talkers: Providers, web: Web) -> None:
    video = {"id": 42, "uuid": UUID, "name": "A title", "duration": 1419, "previewPath": f"/lazy-static/previews/{UUID}.jpg",
             "thumbnailPath": f"/static/thumbnails/{UUID}.jpg", "state": {"id": 1, "label": "Published"}, "isLive": False, "views": 1337}
    talkers.at[f"/api/v1/videos/{UUID}"] = as_json(200, video, ETag='W/"1"')
    url = f"{talkers.base}/videos/watch/{UUID}"
    answer = one(whom(talkers, "peertube"), web, url)
    assert (answer.outcome, answer.duration_s) == ("found", 1419)
    assert answer.picture_url == f"{talkers.base}/lazy-static/previews/{UUID}.jpg"
    assert one(whom(talkers, "peertube"), web, url, answer.etag).outcome == "same"
    talkers.at[f"/api/v1/videos/{UUID}"] = as_json(200, {**video, "state": {"id": 2}, "duration": 0})
    assert one(whom(talkers, "peertube"), web, url).duration_s is None


@pytest.mark.parametrize(("said", "outcome"), [
    (Said(404, b'{"detail": "Video not found", "status": 404, "title": "Not Found", "type": "about:blank"}', PROBLEM), "missing"),
    (Said(404, b"<h1>Welcome to nginx!</h1>", HTML), "failed"), (Said(404, b'{"status": "gone"}'), "failed"),
    (Said(403, b'{"status": 403, "detail": "Cannot get this video regarding follow constraints"}', PROBLEM), "failed"),
    (Said(200, b"<h1>Parked</h1>", HTML), "failed"), (as_json(200, {"duration": 5}), "failed")])
def test_only_peertubes_own_not_found_counts(talkers: Providers, web: Web, said: Said, outcome: str) -> None:
    talkers.at[f"/api/v1/videos/{UUID}"] = said
    assert one(whom(talkers, "peertube"), web, f"{talkers.base}/w/{UUID}").outcome == outcome


def item(*files: tuple[str, str, str], **more: object) -> Said:
    return as_json(200, {"created": 1, "metadata": {"identifier": "talk"}, **more,
                         "files": [{"name": name, "source": source, "length": length} for name, source, length in files]})


@pytest.mark.parametrize(("said", "file", "length"), [
    (item(("talk.mp4", "original", "1815.02"), ("talk.ogv", "derivative", "1815.1"), ("talk.jpg", "derivative", "")), "", 1815),
    (item(("talk.mpg", "original", "30:15")), "", 1815), (item(("talk.mpg", "original", "1:30:15")), "", 5415),
    (item(("one.mp4", "original", "10"), ("two.mp4", "original", "20")), "", None),
    (item(("one.mp4", "original", "10"), ("two words.mp4", "original", "20")), "/two%20words.mp4", 20),
    (item(("talk.mp4", "original", "unknown")), "", None)])
def test_the_archive_tells_the_length_of_the_film_that_is_meant(
        talkers: Providers, web: Web, said: Said, file: str, length: int | None) -> None:
    talkers.at["/archive/metadata/talk"] = said
    answer = one(whom(talkers, "archive"), web, f"https://archive.org/details/talk{file}")
    assert (answer.outcome, answer.duration_s) == ("found", length)
    assert answer.picture_url == f"{talkers.base}/archive/services/img/talk"


def test_an_empty_item_is_missing_only_when_its_page_is(talkers: Providers, web: Web) -> None:
    talkers.at["/archive/metadata/talk"] = as_json(200, {})
    url = "https://archive.org/details/talk"
    assert one(whom(talkers, "archive"), web, url).outcome == "missing"
    talkers.at["/archive/details/talk"] = Said(200, b"the page", HTML)
    assert one(whom(talkers, "archive"), web, url).outcome == "failed"
    talkers.at["/archive/metadata/talk"] = item(is_dark=True)
    assert one(whom(talkers, "archive"), web, url).outcome == "missing"
    for said in (Said(404, b""), Said(200, b"null"), as_json(200, {"error": "Couldn't get lock"})):
        talkers.at["/archive/metadata/talk"] = said
        assert one(whom(talkers, "archive"), web, url).outcome == "failed"


def test_a_file_is_asked_for_by_head_and_a_condition(talkers: Providers, web: Web) -> None:
    validators = {"ETag": '"a"', "Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"}
    talkers.at["/film.mp4"] = Said(200, b"film", {"Content-Type": "video/mp4", **validators})
    answer = one(whom(talkers, "file"), web, f"{talkers.base}/film.mp4")
    assert (answer.outcome, answer.etag, talkers.asked[0].method) == ("found", '"a"', "HEAD")
    assert one(whom(talkers, "file"), web, answer.url, answer.etag, answer.last_modified).outcome == "same"


def test_a_server_that_answers_no_head_is_asked_for_one_byte(talkers: Providers, web: Web) -> None:
    def says(request: Request) -> Said:
        if request.method == "HEAD":
            return Said(405)
        assert request.headers["range"] == "bytes=0-0"
        return Said(206, b"f", {"Content-Type": "video/mp4", "Content-Range": "bytes 0-0/1000"})

    talkers.at["/film.mp4"] = says
    assert one(whom(talkers, "file"), web, f"{talkers.base}/film.mp4").outcome == "found"


@pytest.mark.parametrize(("said", "outcome"), [
    (Said(404), "missing"), (Said(410), "missing"), (Said(403), "failed"), (Said(401), "failed"), (Said(200, b"None", HTML), "failed"),
    (Said(200, b"", {"Content-Type": "video/mp4"}), "failed"), (Said(304), "failed")])
def test_a_file_is_missing_only_where_its_server_says_so(talkers: Providers, web: Web, said: Said, outcome: str) -> None:
    talkers.at["/film.mp4"] = said
    assert one(whom(talkers, "file"), web, f"{talkers.base}/film.mp4").outcome == outcome


MASTER = b"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1280000\n\nlow/index.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=2560000\nhigh/index.m3u8\n"
PIECES = b"\xef\xbb\xbf#EXTM3U\r\n#EXT-X-TARGETDURATION:10\r\n#EXTINF:9.009,\r\na.ts\r\n#EXTINF:9.009,b\r\nb.ts\r\n#EXTINF:3,\r\nc.ts\r\n"


def test_a_stream_is_as_long_as_its_pieces(talkers: Providers, web: Web) -> None:
    talkers.at["/s/index.m3u8"] = Said(200, PIECES + b"#EXT-X-ENDLIST\r\n", {"ETag": '"s"'})
    answer = one(whom(talkers, "hls"), web, f"{talkers.base}/s/index.m3u8")
    assert (answer.outcome, answer.duration_s, answer.etag) == ("found", 21, '"s"')
    talkers.at["/s/index.m3u8"] = Said(200, PIECES)
    assert one(whom(talkers, "hls"), web, f"{talkers.base}/s/index.m3u8").duration_s is None, "it goes on"


def test_a_list_of_variants_leads_to_the_first(talkers: Providers, web: Web) -> None:
    talkers.at["/s/index.m3u8"] = Said(200, MASTER)
    talkers.at["/s/low/index.m3u8"] = Said(200, PIECES + b"#EXT-X-ENDLIST")
    assert one(whom(talkers, "hls"), web, f"{talkers.base}/s/index.m3u8").duration_s == 21
    for said in (Said(404), Said(500), Said(200, b"<h1>")):
        talkers.at["/s/low/index.m3u8"] = said
        assert one(whom(talkers, "hls"), web, f"{talkers.base}/s/index.m3u8").outcome == "failed"
    talkers.at["/s/index.m3u8"] = Said(200, MASTER.replace(b"low/index.m3u8", b"http://10.0.0.1/x.m3u8"))
    assert "private network" in one(whom(talkers, "hls"), web, f"{talkers.base}/s/index.m3u8").why


def test_any_page_that_names_its_oembed_is_understood(talkers: Providers, web: Web) -> None:
    talkers.at["/talks/1"] = Said(200, b"""<html><head><link rel="alternate" type="application/json+oembed"
        href="/oembed?url=1&amp;format=json"><title>x""", HTML)
    talkers.at["/oembed"] = as_json(200, {"type": "video", "duration": "1815.4", "thumbnail_url": "https://pictures.example/1.jpg"})
    answer = one(whom(talkers, "link"), web, f"{talkers.base}/talks/1")
    assert (answer.outcome, answer.duration_s, answer.picture_url) == ("found", 1815, "https://pictures.example/1.jpg")
    talkers.at["/oembed"] = Said(404)
    assert one(whom(talkers, "link"), web, f"{talkers.base}/talks/1").outcome == "found", "the page is there"
    talkers.at["/talks/1"] = Said(200, b"no oEmbed", HTML)
    assert one(whom(talkers, "link"), web, f"{talkers.base}/talks/1").duration_s is None
    assert one(whom(talkers, "link"), web, f"{talkers.base}/talks/2").outcome == "missing"
