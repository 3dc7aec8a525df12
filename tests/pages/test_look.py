"""How pages look, as far as a machine can tell: contrast, nothing inline, nothing from elsewhere, few bytes."""
from __future__ import annotations

import gzip
import math
import re

import html5lib
import pytest

from builder.assets import Assets
from builder.pages.page import HTML
from builder.templating import hue
from tests.site import Built, fill, text_of

H = "{http://www.w3.org/1999/xhtml}"
TEXT_CONTRAST, PART_CONTRAST = 7.0, 3.0  # WCAG 2.2: 1.4.6 (AAA) for text, 1.4.11 for marks
FIRST_FLIGHT_BYTES = 14_336  # what TCP sends before it waits
PATTERNS = 12

Colour = tuple[float, float, float]


def _css(degrees: int = 255) -> str:
    (sheet,) = [a for a in Assets(degrees).all() if a.name == "site.css"]
    return sheet.body.decode()


def _themes(css: str, degrees: int) -> dict[str, dict[str, Colour]]:
    """The colours of both themes, with and without OKLCH, by property name."""
    blocks = re.findall(r":root \{([^{}]*)\}", css)
    light, dark, light_accent, dark_accent = [dict(re.findall(r"--([\w-]+): ([^;}]+?)\s*(?:;|$)", b.strip())) for b in blocks[:4]]
    assert {"paper", "accent"} <= light.keys() & dark.keys()
    assert list(light_accent) == list(dark_accent) == ["accent"]
    found = {"light": light, "dark": {**light, **dark}}
    found |= {"light, wide gamut": {**found["light"], **light_accent}, "dark, wide gamut": {**found["dark"], **dark_accent}}
    return {name: {key: _colour(value, degrees) for key, value in theme.items() if value.startswith(("#", "oklch"))}
            for name, theme in found.items()}


def _colour(value: str, degrees: int) -> Colour:
    """Linear sRGB of a hex or OKLCH colour."""
    if value.startswith("#"):
        digits = value[1:] if len(value) == 7 else "".join(2 * d for d in value[1:])
        parts = [int(digits[n : n + 2], 16) / 255 for n in (0, 2, 4)]
        r, g, b = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return r, g, b
    light, chroma = (float(n) for n in value.removeprefix("oklch(").split()[:2])
    a, b = chroma * math.cos(math.radians(degrees)), chroma * math.sin(math.radians(degrees))
    # Björn Ottosson's OKLab to linear sRGB; what lies outside the gamut is clipped.
    long, middle, short = ((light + x * a + y * b) ** 3 for x, y in
                           ((0.3963377774, 0.2158037573), (-0.1055613458, -0.0638541728), (-0.0894841775, -1.2914855480)))
    red, green, blue = (min(max(sum(k * v for k, v in zip(row, (long, middle, short), strict=True)), 0), 1) for row in (
        (4.0767416621, -3.3077115913, 0.2309699292), (-1.2684380046, 2.6097574011, -0.3413193965),
        (-0.0041960863, -0.7034186147, 1.7076147010)))
    return red, green, blue


def _contrast(one: Colour, other: Colour) -> float:
    dark, light = sorted(0.2126 * c[0] + 0.7152 * c[1] + 0.0722 * c[2] for c in (one, other))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("degrees", range(0, 360, 15))
def test_text_stands_out_in_both_themes_whatever_the_accent(degrees: int) -> None:
    for name, theme in _themes(_css(degrees), degrees).items():
        for ink in ("ink", "ink-soft", "accent", "good", "warn", "bad"):
            for ground in ("paper", "surface"):
                assert _contrast(theme[ink], theme[ground]) >= TEXT_CONTRAST, (name, ink, ground)
        assert _contrast(theme["accent-ink"], theme["accent"]) >= TEXT_CONTRAST, name
        assert _contrast(theme["focus"], theme["paper"]) >= PART_CONTRAST, name


def test_the_contrast_of_known_colours_is_that_of_the_standard() -> None:
    assert _contrast(_colour("#000", 0), _colour("#fff", 0)) == pytest.approx(21)
    assert _contrast(_colour("#767676", 0), _colour("#ffffff", 0)) == pytest.approx(4.54, abs=0.01)
    assert _colour("oklch(1 0 0)", 0) == pytest.approx((1, 1, 1), abs=0.001)


def test_the_site_s_hue_is_all_that_differs_between_two_sites() -> None:
    assert _css(120).replace("--hue: 120", "--hue: 255").replace(_path("favicon.svg", 120), _path("favicon.svg", 255)) == _css(255)
    assert _path("site.css", 120) != _path("site.css", 255)


def test_the_stylesheet_asks_nothing_of_other_hosts_and_leaves_nothing_unfilled() -> None:
    css = _css()
    assert re.findall(r"url\(([^)]*)\)", css) == [_path("favicon.svg", 255)]
    assert not re.search(r"@import|https?:|//|\{\{|@font-face", css)
    assert css.count("{") == css.count("}")


def test_every_drawn_picture_has_its_pattern_and_its_hue() -> None:
    css = _css()
    assert {int(n) for n in re.findall(r"^\.p(\d+) \{", css, re.M)} == set(range(PATTERNS))
    assert {int(n) for n in re.findall(r"\.h(\d+)\{--h:", css)} == {hue(id) for id in range(1000)} == set(range(36))


def test_nothing_is_inline_and_nothing_is_loaded_from_elsewhere(everything: Built) -> None:
    kinds = set()
    for path, thing in everything.objects().items():
        if thing.content_type != HTML:
            continue
        kinds.add(re.findall(r"kind:(\S+)", thing.tags)[0])
        for element in html5lib.HTMLParser(strict=True).parse(text_of(thing)).iter():
            if not isinstance(element.tag, str):
                continue
            assert element.tag not in (f"{H}style", f"{H}iframe", f"{H}object", f"{H}embed", f"{H}base"), path
            assert not [name for name in element.attrib if name == "style" or name.startswith("on")], path
            if element.tag == f"{H}script" and element.get("type") != "application/ld+json":
                assert element.get("src", "").startswith("/assets/"), path
                assert not (element.text or "").strip(), path
            loaded = element.get("src") or element.get("srcset") or element.get("poster") or ""
            assert not loaded or re.match("/[^/]", loaded), (path, loaded)
            if element.tag == f"{H}link" and element.get("rel") in ("stylesheet", "icon", "preload", "manifest"):
                assert element.get("href", "").startswith("/"), path
    assert kinds >= {"home", "about", "not-found", "course", "courses", "batch", "batches", "video", "videos", "subject",
                     "instructor", "index", "redirect", "text"}


def test_the_first_flight_of_packets_holds_any_page(everything: Built) -> None:
    for path, thing in everything.objects().items():
        if thing.content_type == HTML:
            assert len(thing.body) < FIRST_FLIGHT_BYTES, path
    assert len(gzip.compress(_css().encode())) < 6_500  # it stands before the first paint


def test_a_lecture_plays_by_a_plain_link_and_its_own_picture_keeps_its_room(site: Built) -> None:
    fill(site)
    site.sql("UPDATE catalog.video SET picture = 'pictures/1.png' WHERE id = 1")
    site.sql("UPDATE catalog.source SET kind = 'link', url = 'https://elsewhere.example/2' WHERE video_id = 2")
    site.sql("DELETE FROM catalog.source WHERE video_id = 3")
    site.build()
    first, second, third = (html5lib.parse(site.text(f"/videos/lecture-{n}/")) for n in (1, 2, 3))
    (play,) = first.findall(f".//{H}a[@class='play']")
    assert play.get("href") == "https://www.youtube.com/watch?v=00000000001"
    assert "".join(play.itertext()).strip() == "Play from YouTube"
    assert play.get("data-frame").startswith("https://www.youtube-nocookie.com/embed/00000000001?")
    (player,) = first.findall(f".//{H}div[@data-video]")
    (picture,) = player.findall(f"{H}img")
    assert (picture.get("width"), picture.get("height"), picture.get("alt")) == ("1280", "720", "")
    assert "".join(second.find(f".//{H}a[@class='play']").itertext()).strip() == "Watch at elsewhere.example"
    assert not second.findall(f".//{H}a[@data-frame]")
    assert "no recording" in "".join(third.find(f".//{H}p[@class='note']").itertext())
    assert not [script for script in third.findall(f".//{H}script[@src]") if "/player." in script.get("src", "")]
    (image,) = html5lib.parse(site.text("/")).iter(f"{H}img")
    assert [image.get(name) for name in ("loading", "width", "height")] == [None, "320", "180"]  # at the top: asked for at once
    (image,) = html5lib.parse(site.text("/subjects/subject/")).iter(f"{H}img")
    assert [image.get(name) for name in ("loading", "width", "height")] == ["lazy", "320", "180"]


def test_a_gated_lecture_says_how_to_watch_it(site: Built) -> None:
    fill(site)
    site.sql("UPDATE catalog.batch SET gated = true")
    site.build()
    assert "Log in to watch" in site.text("/videos/lecture-1/")


def test_the_batch_beside_the_player_marks_where_one_is(site: Built) -> None:
    fill(site, videos=5)
    site.build()
    page = html5lib.parse(site.text("/videos/lecture-3/"))
    (here,) = page.findall(f".//{H}aside//{H}li[@aria-current]")
    assert "Lecture 3" in "".join(here.itertext())
    assert [a.get("href") for a in page.findall(f".//{H}nav[@class='steps']/{H}a")] == ["/videos/lecture-2/", "/videos/lecture-4/"]


def test_a_title_keeps_its_own_direction_and_its_known_language(site: Built) -> None:
    fill(site)
    site.sql("UPDATE catalog.video SET title = 'مقدمة في الجبر', language = 'ar' WHERE id = 1")
    site.build()
    titles = html5lib.parse(site.text("/batches/batch/")).findall(f".//{H}a[@class='t']")
    (link,) = [a for a in titles if a.get("href") == "/videos/lecture-1/"]
    assert (link.get("dir"), link.get("lang")) == ("auto", "ar")
    assert "in Arabic" in site.text("/batches/batch/")
    (heading,) = html5lib.parse(site.text("/videos/lecture-1/")).iter(f"{H}h1")
    assert (heading.get("dir"), heading.get("lang")) == ("auto", "ar")


def test_a_batch_counts_on_where_its_last_page_ended(site: Built) -> None:
    fill(site, videos=60)
    site.build()
    (numbered,) = [ol for ol in html5lib.parse(site.text("/batches/batch/page/2/")).iter(f"{H}ol") if ol.get("start")]
    assert numbered.get("start") == "51"
    assert len(numbered.findall(f"{H}li")) == 10


def test_a_length_in_all_is_said_as_what_it_is_where_some_lectures_have_none(site: Built) -> None:
    fill(site)
    for whole, missing in (("30 min", 0), ("at least 20 min", 1), ("at least 10 min", 2), ("", 3)):
        site.sql("UPDATE catalog.video SET duration_s = NULL WHERE id > %s", 3 - missing)
        site.build()
        said = {path: [fact for fact in _facts(site.text(path)) if " min" in fact]
                for path in ("/batches/batch/", "/courses/course/", "/batches/", "/")}
        assert said == {"/batches/batch/": [f"{whole} in all"], "/courses/course/": [f"{whole} in all", whole],
                        "/batches/": [whole], "/": [whole]} if whole else not any(said.values()), (whole, said)
        assert ("courseWorkload" in site.text("/batches/batch/")) == (missing == 0)


def test_every_fact_is_an_element_so_that_no_dot_hangs_at_the_end_of_a_line(everything: Built) -> None:
    everything.sql("UPDATE catalog.video SET language = 'fr'")
    everything.build()
    seen = set()
    paths = ("/", "/batches/batch/", "/batches/", "/courses/course/", "/videos/lecture-2/")
    for path in paths:
        for line in html5lib.parse(everything.text(path)).iter(f"{H}p"):
            if line.get("class") in ("facts", "who") and len(line):
                assert not (line.text or "").strip(), path
                assert not [child.tail for child in line if (child.tail or "").strip()], path
                seen.add(path)
    assert seen == {*paths}


def test_who_finds_nothing_is_shown_the_same_ways_on(site: Built) -> None:
    fill(site)
    site.build()
    site.sql("DELETE FROM catalog.video WHERE id = 1")
    site.build()
    ways = [[a.get("href") for a in html5lib.parse(site.text(path)).findall(f".//{H}ul[@class='chips']//{H}a")]
            for path in ("/404.html", "/videos/lecture-1/")]
    assert ways == [["/", "/courses/", "/videos/", "/subjects/", "/instructors/"]] * 2


def test_a_browser_that_asks_for_an_icon_unasked_gets_the_site_s(site: Built) -> None:
    site.build()
    (icon,) = [thing for path, thing in site.objects().items() if path == "/favicon.ico"]
    assert icon.content_type == "image/svg+xml; charset=utf-8"
    assert text_of(icon) == text_of(site.objects()[_path("favicon.svg", 255)])


def test_the_home_page_says_what_the_site_is_and_leads_to_every_list(site: Built) -> None:
    fill(site)
    site.build()
    main = html5lib.parse(site.text("/")).find(f".//{H}main")
    assert "Lectern is a library of recorded lectures" in "".join(main.itertext())
    assert {a.get("href") for a in main.iter(f"{H}a")} >= {"/videos/", "/batches/", "/subjects/"}


def test_an_empty_library_says_so(site: Built) -> None:
    site.build()
    assert "There are no lectures yet" in site.text("/")
    assert "There is nothing here yet" in site.text("/subjects/")


@pytest.fixture
def everything(site: Built) -> Built:
    """A site that has every kind of page."""
    fill(site, videos=120)
    site.sql("UPDATE catalog.video SET slug = 'moved' WHERE id = 1")
    site.sql("""UPDATE catalog.video SET description_markup = 'plain', description = (
        SELECT string_agg('Paragraph ' || n || ' ' || md5(n::text) || repeat(' word', 40), E'\n\n') FROM generate_series(1, 300) n)
        WHERE id = 2""")
    site.sql("INSERT INTO catalog.caption (video_id, language, body) VALUES (3, 'en', 'WEBVTT')")
    site.sql("INSERT INTO catalog.resource (video_id, position, label, url) VALUES (3, 0, 'Slides', 'https://slides.example/3')")
    site.build()
    return site


def _facts(page: str) -> list[str]:
    """What the page's lines of facts say, a string each."""
    return ["".join(fact.itertext()) for line in html5lib.parse(page).iter(f"{H}p") if line.get("class") == "facts" for fact in line]


def _path(name: str, degrees: int) -> str:
    return Assets(degrees).path(name)
