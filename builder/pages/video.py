"""A lecture: its page, the pages that a long text of it goes on at, and its JSON, which is an oEmbed answer too."""
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from markupsafe import Markup, escape

from builder.catalog import keys
from builder.catalog.cues import Cue, parse
from builder.catalog.model import Batch, Card, Link, Order, Resource, Source, Video
from builder.catalog.reads import Catalog
from builder.catalog.sources import file_url, frame_url, provider, watch_url
from builder.catalog.text import cut
from builder.pages import captions
from builder.pages.page import (
    HTML,
    JSON,
    LEAVES,
    PAGES,
    Crumb,
    Head,
    Kind,
    Page,
    Site,
    at,
    breadcrumbs,
    dumps,
    nth,
    script_json,
)
from builder.pages.words import iso_duration, noon, shorten, text_lang
from edge.address import Path, group_tag
from edge.policy import PLAYER_HOSTS

VIDEO = Kind("video", "metadata", HTML, PAGES, "video.html", indexed=True)
TEXT = Kind("text", "metadata", HTML, LEAVES, "text.html", indexed=True)
DATA = Kind("video_data", "media", JSON, LEAVES)
KINDS = (VIDEO, TEXT, DATA)

_CUE_BYTES = 64  # the markup of a line
BEFORE, AFTER = 3, 6  # how much of the batch stands beside the player
RELATED = 6
CHUNK = 800
CUES_BYTES = 4096  # of a transcript that stands in the page itself, as HTML: with the text's 8 KB it still fits the page's 14 KB gzip


class Watch(NamedTuple):
    """A source as the page offers it."""

    kind: str
    url: str  # where it is watched at its own place, from its start on
    frame: str  # what the player opens after a click; "" where nothing here can
    provider: str
    file: str  # what the browser's own player opens; "" where there is no such
    start_s: int


class Spoken(NamedTuple):
    """A transcript whose lines are places in the lecture."""

    language: str
    captions: str  # the path of the captions that it was made of
    path: str  # of its lines, for the script
    lines: list[Cue]  # where they are few enough to stand in the page; else empty


class Part(NamedTuple):
    """One page of a description that is too long for one."""

    path: str
    number: int


class Lecture(NamedTuple):
    """What the video page shows."""

    video: Video
    batch: Batch
    crumbs: list[Crumb]
    watch: list[Watch]
    instructors: tuple[Link, ...]
    subjects: list[Link]
    resources: list[Resource]
    captions: list[tuple[str, str]]  # (language, path)
    transcripts: list[tuple[str, str]]
    cues: list[Spoken]
    text: Markup
    more: list[Part]
    lang: str  # of title and description, where known
    spoken: str
    beside: list[Card]  # the batch around this lecture, this one among them
    previous: Card | None
    next: Card | None
    related: list[Card]


def chunks(catalog: Catalog) -> Iterator[list[int]]:
    """All published videos, batch by batch, in pieces of about 800."""
    piece: list[int] = []
    batches = [id for id, _ in catalog.rows("shown_batches")]
    for start in range(0, len(batches), 50):
        for order in catalog.orders(batches[start : start + 50]).values():
            piece += order.ids
            if len(piece) >= CHUNK:
                yield piece
                piece = []
    if piece:
        yield piece


def pages(catalog: Catalog, site: Site, ids: Sequence[int]) -> Iterator[Page]:
    """The pages of the published ones among the videos *ids*."""
    words = site.words
    courses = Crumb(words.gettext("Courses"), "/courses/")
    videos = catalog.videos(ids)
    batches = catalog.batches(sorted({v.batch_id for v in videos}))
    orders = catalog.orders(list(batches))
    places = {batch: {id: n for n, id in enumerate(order.ids)} for batch, order in orders.items()}
    names = {batch: distinct(order.titles) for batch, order in orders.items()}
    subjects, sources = catalog.subjects_of(ids), catalog.sources_of(ids)
    resources, texts = catalog.resources_of(ids), catalog.captions_of(ids)
    short = catalog.short_captions_of(ids, CUES_BYTES)
    near = catalog.near(ids)
    around = {v.id: _around(orders[v.batch_id], places[v.batch_id][v.id]) for v in videos}
    related = {v.id: _choose(near.get(v.id, ()), around[v.id]) for v in videos}
    cards = catalog.cards({id for v in videos for id in (v.id, *around[v.id], *related[v.id])})
    other_sources = catalog.sources_of(sorted({id for chosen in related.values() for id in chosen}))

    for video in videos:
        batch = batches[video.batch_id]
        own = [] if batch.gated else sources.get(video.id, [])
        place = places[batch.id][video.id]
        order = orders[batch.id]
        seen = {s.url for s in sources.get(video.id, [])}
        twins = [id for id in related[video.id] if _same_only_source(other_sources.get(id, ()), seen)]
        near_cards = [cards[id] for id in related[video.id] if id in cards and id not in twins][:RELATED]
        spoken_of = [] if batch.gated else texts.get(video.id, [])
        path = at("videos", video.slug)
        parts = cut(video.html)
        lecture = Lecture(
            video, batch,
            [courses, Crumb(batch.course_title, at("courses", batch.course_slug)),
             Crumb(batch.title, at("batches", batch.slug))],
            [_watch(s, site) for s in own],
            cards[video.id].instructors, subjects.get(video.id, []), resources.get(video.id, []),
            [(c.language, captions.path(video.id, c.language, "vtt")) for c in spoken_of if c.kind == "captions"],
            [(c.language, captions.path(video.id, c.language, "txt")) for c in spoken_of if c.kind == "transcript"],
            _spoken(video, [c.language for c in spoken_of if c.kind == "captions"], short.get(video.id, {})),
            Markup(parts[0]), [Part(f"{path}text/page/{n}/", n) for n in range(2, len(parts) + 1)],
            text_lang(video.title + video.plain, video.language), words.language_name(video.language),
            [cards[id] for id in around[video.id]],
            cards[order.ids[place - 1]] if place else None,
            cards[order.ids[place + 1]] if place + 1 < len(order.ids) else None,
            near_cards,
        )
        groups = " ".join((group_tag("video", video.id), group_tag("batch", batch.id), group_tag("course", batch.course_id)))
        title = f"{names[batch.id][place]} · {nth(batch.title, batch.namesakes)}"
        yield Page(path, VIDEO, _keys(lecture), groups, lecture, _head(lecture, site, title, path), video.id)
        for n, part in enumerate(parts[1:], 2):
            yield _text_page(lecture, site, Path(f"{path}text/page/{n}/"), n, part, title, groups)
        yield Page(data_path(video.id), DATA, [keys.video(video.id), keys.batch_card(batch.id)], groups, _data(lecture, site),
                   unit=video.id)


def data_path(id: int) -> Path:
    """Where a video's JSON is."""
    return Path(f"/data/video/{id}.json")


def distinct(titles: Sequence[str]) -> list[str]:
    """Names of a batch's lectures of which no two are alike: the second "Lightning Talks" ends in "(2)",
    or in a higher number where another lecture is called just so."""
    taken = set(titles)
    counts: dict[str, int] = {}
    names = []
    for title in titles:
        n = counts.get(title, 0) + 1
        while n > 1 and f"{title} ({n})" in taken:
            n += 1
        counts[title] = n
        names.append(f"{title} ({n})" if n > 1 else title)
    return names


def windows(order: Sequence[int]) -> dict[int, tuple[int, ...]]:
    """For each video of a batch's order those that stand beside it, itself among them."""
    return {id: tuple(order[max(n - BEFORE, 0) : n + AFTER + 1]) for n, id in enumerate(order)}


def _around(order: Order, place: int) -> list[int]:
    low = max(place - BEFORE, 0)
    return order.ids[low : place + AFTER + 1]


def _choose(near: Sequence[int], around: Sequence[int]) -> list[int]:
    """The related ones: those that share most lists, then the newest; never those shown beside the player."""
    shared: dict[int, int] = {}
    for id in near:
        shared[id] = shared.get(id, 0) + 1
    for id in around:
        shared.pop(id, None)
    return sorted(shared, key=lambda id: (-shared[id], -id))[: RELATED + 3]


def _same_only_source(theirs: Sequence[Source], ours: set[str]) -> bool:
    """One recording listed as several talks: neither is "related" to the other."""
    return len(theirs) == 1 and theirs[0].url in ours


def _watch(source: Source, site: Site) -> Watch:
    frame = frame_url(source.kind, source.url, source.start_s) or ""
    if frame and frame.partition("//")[2].partition("/")[0].lower() not in (*PLAYER_HOSTS, *site.frame_hosts):
        frame = ""  # the policy would leave it blank: a link leads there instead
    file = file_url(source.kind, source.url) or ""
    if not file.startswith(("https://", f"{site.base_url}/")):
        file = ""  # refused by the policy likewise
    return Watch(source.kind, watch_url(source.kind, source.url, source.start_s), frame, provider(source.kind, source.url), file,
                 source.start_s)


def _spoken(video: Video, languages: Sequence[str], short: Mapping[str, str]) -> list[Spoken]:
    """The transcripts in their order, the lecture's own language first; that one's lines stand in the page where they are few."""
    made: list[Spoken] = []
    for language in sorted(languages, key=lambda code: code != video.language):
        lines = parse(short[language]) if not made and language in short else []
        if sum(len(cue.text.encode()) + _CUE_BYTES for cue in lines) > CUES_BYTES:
            lines = []
        made.append(Spoken(language, captions.path(video.id, language, "vtt"), captions.path(video.id, language, "json"), lines))
    return made


def _keys(lecture: Lecture) -> list[int]:
    """In the order shown, so that another order is another list. Who teaches and what about is the video's own key."""
    batch = lecture.batch
    return [
        keys.video(lecture.video.id), keys.batch_card(batch.id), keys.course_card(batch.course_id),
        *(keys.video_card(c.id) for c in lecture.beside), keys.fact(len(lecture.beside)),
        *(keys.video_card(c.id) for c in lecture.related),
    ]


def _head(lecture: Lecture, site: Site, title: str, path: Path) -> Head:
    video = lecture.video
    url = site.base_url + path
    about = lecture.video.plain or site.words.gettext("A lecture of %(batch)s.", batch=lecture.batch.title)
    learning: dict[str, Any] = {
        "@type": "LearningResource", "@id": url, "url": url, "name": video.title, "description": shorten(about, 300),
        "learningResourceType": "lecture", "isAccessibleForFree": not lecture.batch.gated,
        "isPartOf": {"@type": "Course", "name": lecture.batch.course_title, "url": site.base_url + lecture.crumbs[1].path},
    }
    if video.language:
        learning["inLanguage"] = video.language
    if video.duration_s:
        learning["timeRequired"] = iso_duration(video.duration_s)
    if lecture.instructors:
        learning["author"] = [{"@type": "Person", "name": i.title, "url": site.base_url + at("instructors", i.slug)}
                              for i in lecture.instructors]
    if lecture.subjects:
        learning["about"] = [s.title for s in lecture.subjects]
    graph = [learning, breadcrumbs(site, [*lecture.crumbs, Crumb(video.title, path)])]
    image = f"{site.base_url}/{video.picture}" if video.picture else ""
    picture = image or video.picture_url
    if picture and video.recorded_on and video.duration_s and lecture.watch:
        # Whole or not at all: search engines mark a VideoObject with a hole as a fault.
        clip = {
            "@type": "VideoObject", "name": video.title, "description": shorten(about, 300), "thumbnailUrl": picture,
            "uploadDate": noon(video.recorded_on), "duration": iso_duration(video.duration_s), "url": url,
        }
        first = lecture.watch[0]
        clip["embedUrl" if first.kind not in ("file", "hls") else "contentUrl"] = first.frame or first.url
        graph.append(clip)
    return Head(
        title, shorten(about), "video.other", script_json({"@context": "https://schema.org", "@graph": graph}),
        oembed=data_path(video.id), image=f"{site.base_url}/{video.card}" if video.card else image, section="courses",
    )


def _text_page(lecture: Lecture, site: Site, path: Path, n: int, part: str, title: str, groups: str) -> Page:
    more = [Part(at("videos", lecture.video.slug), 1), *lecture.more]
    words = site.words
    head = Head(words.gettext("%(title)s · text %(number)s", title=title, number=n),
                words.gettext("Part %(number)s of the text that goes with %(title)s.", number=n, title=lecture.video.title), "article")
    own_keys = [keys.video(lecture.video.id), keys.batch_card(lecture.batch.id), keys.course_card(lecture.batch.course_id)]
    return Page(path, TEXT, own_keys, groups,
                lecture._replace(text=Markup(part), more=more, crumbs=[*lecture.crumbs, Crumb(lecture.video.title, more[0].path)]),
                head, lecture.video.id)


def _data(lecture: Lecture, site: Site) -> str:
    """The video's public facts: Lectern's own, and those of oEmbed 1.0 (oembed.com)."""
    video, batch = lecture.video, lecture.batch
    frame = next((w.frame for w in lecture.watch if w.frame and w.kind not in ("file", "hls")), "")
    data: dict[str, Any] = {
        "version": "1.0", "type": "video" if frame else "link", "title": video.title,
        "provider_name": site.name, "provider_url": f"{site.base_url}/", "cache_age": 86400,
        "id": video.id, "url": site.base_url + at("videos", video.slug), "slug": video.slug,
        "duration_s": video.duration_s, "language": video.language,
        "recorded_on": video.recorded_on.isoformat() if video.recorded_on else None,
        "batch": {"id": batch.id, "slug": batch.slug, "title": batch.title, "gated": batch.gated},
        "instructors": [{"id": i.id, "slug": i.slug, "name": i.title} for i in lecture.instructors],
        "subjects": [{"id": s.id, "slug": s.slug, "title": s.title} for s in lecture.subjects],
        "sources": [{"kind": w.kind, "url": w.url} for w in lecture.watch],
    }
    if lecture.instructors:
        data["author_name"] = ", ".join(i.title for i in lecture.instructors)
    if frame:
        data |= {"width": 1280, "height": 720,
                 "html": f'<iframe src="{escape(frame)}" width="1280" height="720" allowfullscreen></iframe>'}
    return dumps(data)
