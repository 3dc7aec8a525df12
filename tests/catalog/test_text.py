"""Source texts to clean HTML: whatever stands in a field, words stay, nothing else comes through, and it ends."""
from __future__ import annotations

import gzip
import http.server
import json
import os
import re
import threading
import time
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builder.catalog.text import MARKUPS, PART_BYTES, blocks, clean, cut, detect_markup

DATA = Path(__file__).parent / "data"
TAGS = {
    "p", "ul", "ol", "li", "dl", "dt", "dd", "blockquote", "pre", "table", "caption", "thead", "tbody", "tr", "th", "td", "div", "hr",
    "h2", "h3", "h4", "h5", "h6", "a", "em", "strong", "u", "s", "del", "ins", "sub", "sup", "code", "kbd", "samp", "var", "q", "cite",
    "abbr", "small", "mark", "br", "span",
}
ATTRIBUTES = {"href", "rel", "id", "start", "colspan", "rowspan", "title", "dir"}
VOID = {"br", "hr"}
# What the converters' own grammars are made of, so that random texts reach their corners.
PIECES = st.sampled_from([
    "word", "word_", "`a`_", "``x``", "**b**", "*", "`", "|", "\n", "\n\n", "    ", "- ", "1. ", "> ", "::\n\n  ", "=====\n", ".. ", "[1]_",
    ".. [1] note\n", ":math:`x^2`", "\\", "<p>", "</p>", "<li>", "<a href='#x'>", "<script>alert(1)</script>", "<img src=x onerror=y>",
    "[x](http://e.example)", "[x](javascript:y)", "# ", "+---+\n", "http://e.example/a_b", "www.e.example", "&lt;", "&", "<",
    '"', "\x00", "\x1f",
    "\ud800", "मराठी", "שלום", "\u202e", "\ufeff", "\t", "\r\n", ".. raw:: html\n\n  <b>", ".. include:: /etc/passwd\n", "~~~\n",
])
ANY = st.one_of(st.text(max_size=300), st.lists(PIECES, max_size=40).map("".join))


class _Read(HTMLParser):
    """Tags, attributes, links and words of HTML, and whether every tag is closed in its order."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: Counter[str] = Counter()
        self.attributes: set[str] = set()
        self.links: list[str] = []
        self.ids: list[str] = []
        self.words = ""
        self.open: list[str] = []
        self.torn = False
        self.feed(html)
        self.close()
        self.torn = self.torn or bool(self.open)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name == "href"]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.torn = True

    def handle_data(self, data: str) -> None:
        self.words += data + " "


def _letters(text: str) -> str:
    return "".join(re.findall(r"\w+", text))


@settings(max_examples=150, deadline=None)
@given(ANY, st.sampled_from(MARKUPS))
def test_no_text_stops_it_and_nothing_but_the_allowed_comes_through(source: str, markup: str) -> None:
    html = clean(source, markup).html
    read = _Read(html)
    assert set(read.tags) <= TAGS
    assert read.attributes <= ATTRIBUTES
    assert not read.torn
    assert all(re.match(r"https?://|mailto:|#text-", link) for link in read.links)
    assert all(f"#{id}" in read.links for id in read.ids), "no id but of a place that is led to"
    assert {link[1:] for link in read.links if link.startswith("#")} <= set(read.ids), "no link into nothing"
    assert len(read.ids) == len(set(read.ids))
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]", html)
    assert clean(source, markup).html == html


@settings(max_examples=80, deadline=None)
@given(st.lists(st.text(st.characters(categories=["L", "Nd"]), min_size=1, max_size=12), min_size=1, max_size=30), st.sampled_from(MARKUPS),
       st.sampled_from([" ", "\n", "\n\n", "\n- ", "\n> ", " **", "_ "]))
def test_words_stay_whatever_the_markup(words: list[str], markup: str, between: str) -> None:
    assert _letters(_Read(clean(between.join(words), markup).html).words) == _letters(between.join(words))


def test_the_words_of_real_fields_stay() -> None:
    fields = json.loads(gzip.decompress((DATA / "fields.json.gz").read_bytes()))
    assert len(fields) >= 150
    lost = []
    for source in fields:
        markup = detect_markup(source)
        read = _Read(clean(source, markup).html)
        shown = f"{read.words} {' '.join(read.links)}"
        bare = re.sub(r"<(/?)[a-zA-Z][^<>]*>", " ", source) if markup == "html" else source
        # Addresses are escaped anew, and those of another site's own pages are left out with their links.
        bare = re.sub(r"</[\w/-]+>`|https?://\S+|&#?\w+;|\\", " ", bare)
        bare = re.sub(r"^\.\. [\w-]+::|:\w+:(?=`)", " ", bare, flags=re.MULTILINE)  # the names of directives and roles
        missing = {word for word in re.findall(r"[^\W_]{3,}", bare) if word not in shown}
        if missing:
            lost.append((source[:60], markup, sorted(missing)[:5]))
    assert lost == []


@pytest.mark.parametrize("markup", MARKUPS)
@pytest.mark.parametrize("source", [
    "> " * 20_000 + "end", "- " * 20_000 + "end", "<div>" * 20_000 + "end", "<b>" * 20_000 + "end",
    "*" * 50_000 + "end", "`" * 50_000 + "\n\nend",
    "[" * 50_000 + "end", "![](" * 20_000 + "end", "<" * 50_000 + "end", "\\" * 50_000 + "end", "_" * 50_000 + "end", "|" * 50_000 + "end",
    "".join(f"{'  ' * n}- x\n" for n in range(300)) + "end", "".join(f"{' ' * n}x\n\n" for n in range(300)) + "end",
    "a_ " * 5_000 + "end", "``" * 20_000 + "\n\nend", "<a href=\"" * 10_000 + "end", "&#" * 50_000 + "end",
    "| a " * 2_000 + "\n" + "|-" * 2_000 + "\nend",
    "x\n=\n" * 5_000 + "end", "+--" * 3_000 + "+\nend", "http://" * 20_000 + "end", "www." * 30_000 + "end", "[a]: b\n" * 5_000 + "end",
    "\u202e" * 50_000 + "end", " " * 200_000 + "end", "\n" * 200_000 + "end",
], ids=lambda source: repr(source[:8]))
def test_hostile_texts_take_bounded_time_and_keep_their_words(source: str, markup: str) -> None:
    began = time.process_time()
    made = clean(source, markup)
    assert time.process_time() - began < 5
    parts = cut(made.html)
    assert time.process_time() - began < 6
    assert "end" in "".join(parts)
    assert not any(_Read(part).torn for part in parts)


@pytest.mark.parametrize(("source", "markup", "shown"), [
    ("Title\n=====\n", "rst", "Title"),  # a heading alone
    ("Title\n=====\n\nText.", "rst", "Title"),  # a heading first is no document's title
    (":Level: beginner\n:Track: web\n\nText.", "rst", "beginner"),  # a field list first is no document's data
    (":Author: Ada\n:Date: today\n\nText.", "rst", "Ada"),
    ("see word_ and more", "rst", "word_"),
    (":math:`\\\\frac{a}{b}` of it", "rst", "frac"),
    (r"\(x\) :math:`\mathcal{O}(n \\log n)` is shown", "rst", "mathcal"),
    (".. |now| date::\n\nIt is |now|.", "rst", "now"),
    (".. raw:: html\n\n   <ul>\n\nItem one\n\n.. raw:: html\n\n   </ul>\n\nAfter.", "rst", "Item one"),
    (".. note this is a comment with a slip", "rst", "slip"),
    ("An `unfinished link <http://e.example", "rst", "unfinished"),
    ("<p>It &amp; that</p>", "html", "It & that"),
    ("<form><input value=x><button>Send</button> words</form>", "html", "words"),
    ("a <b>bold", "html", "bold"),
    ("x < y and y > z", "html", "y and y"),
    ("[x](/relative) stays", "markdown", "x stays"),
    ("<b>raw</b> tags", "markdown", "<b>raw</b>"),
    ("x < y\n\n* not * a list", "plain", "x < y"),
])
def test_words_that_converters_lose_are_shown(source: str, markup: str, shown: str) -> None:
    made = clean(source, markup)
    assert shown in " ".join(_Read(made.html).words.split())
    assert "problematic" not in made.html
    assert "system" not in made.html


def test_a_text_that_breaks_its_converter_stands_as_plain_paragraphs_and_says_why() -> None:
    for source in (".. |now| date::\n\nIt is |now|.", "see word_ and more", ".. nonsense::\n\n   x"):
        made = clean(source, "rst")
        assert made.html.startswith("<p>")
        assert made.note


def test_footnotes_lead_to_their_notes_and_back() -> None:
    read = _Read(clean("Claim [1]_ and [#auto]_.\n\n.. [1] Note\n.. [#auto] Other", "rst").html)
    assert len(read.ids) >= 4
    assert {link[1:] for link in read.links} == set(read.ids)
    assert all(id.startswith("text-") for id in read.ids)


@pytest.mark.parametrize(("source", "markup"), [
    (".. image:: https://e.example/x.png\n   :alt: words", "rst"), ("![words](https://e.example/x.png)", "markdown"),
    ('<img src="https://e.example/x.png" alt="words">', "html"),
])
def test_a_picture_of_another_host_becomes_its_words(source: str, markup: str) -> None:
    read = _Read(clean(source, markup).html)
    assert "img" not in read.tags
    assert read.words.split() == ["words"]
    assert read.links == ["https://e.example/x.png"]


def test_no_file_and_no_host_is_asked_and_no_configuration_heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    class Canary(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"CANARY")

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = http.server.HTTPServer(("127.0.0.1", 0), Canary)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    secret = tmp_path / "secret.csv"
    secret.write_text("CANARY,CANARY\n")
    (tmp_path / "docutils.conf").write_text("[general]\nfile_insertion_enabled: on\nraw_enabled: on\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOCUTILSCONFIG", os.fspath(tmp_path / "docutils.conf"))
    url = f"http://127.0.0.1:{server.server_port}/"
    try:
        for source in (f".. include:: {secret}", f".. raw:: html\n   :file: {secret}", f".. raw:: html\n   :url: {url}raw",
                       f".. csv-table::\n   :file: {secret}", f".. csv-table::\n   :url: {url}csv", f".. literalinclude:: {secret}",
                       f".. figure:: {url}x.png", f".. image:: file://{secret}", f".. code::\n   :include: {secret}",
                       f".. math::\n   :file: {secret}"):
            assert "CANARY" not in clean(f"Before.\n\n{source}\n\nAfter.", "rst").html, source
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert asked == []


def test_the_highest_heading_of_a_text_stands_right_below_its_pages_own() -> None:
    assert clean("## Who\n\n#### Where", "markdown").html == "<h2>Who</h2>\n<h3>Where</h3>"
    assert clean("<h1>Who</h1><h6>Where</h6>", "html").html == "<h2>Who</h2><h3>Where</h3>"


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([
    "<p>word word word</p>", "<p>long " + "word " * 400 + "</p>", "<ul>" + "<li>item <strong>b</strong></li>" * 30 + "</ul>",
    "<h3>Head</h3>", "<hr>",
    "<pre>" + "code &amp; code\n" * 60 + "</pre>", "<ol>" + "<li><p>x</p></li>" * 40 + "</ol>", "<p>" + "語" * 900 + "</p>",
    '<p><a href="https://e.example/?a=1&amp;b=2" rel="nofollow noopener">link</a> ' + "x" * 3000 + "</p>",
    "<blockquote>" + "<p>quote <em>very</em></p>" * 50 + "</blockquote>",
    "<table><tbody>" + "<tr><td>cell</td></tr>" * 60 + "</tbody></table>",
]), max_size=12).map("".join), st.sampled_from([600, 2048, PART_BYTES]))
def test_a_cut_never_tears_a_tag_and_each_part_fits(html: str, limit: int) -> None:
    parts = cut(html, limit)
    reads = [_Read(part) for part in parts]
    assert not any(read.torn for read in reads)
    assert all(len(part.encode()) <= limit for part in parts)
    assert _letters("".join(read.words for read in reads)) == _letters(_Read(html).words)
    assert "".join(blocks(html)) == html


def test_a_long_real_text_is_cut_at_its_blocks() -> None:
    html = clean("\n\n".join(f"Paragraph {n} " + "word " * 60 for n in range(60)), "plain").html
    parts = cut(html)
    assert len(parts) > 1
    assert all(part.startswith("<p>") and part.endswith("</p>") for part in parts)
    assert [int(n) for part in parts for n in re.findall(r"Paragraph (\d+)", part)] == list(range(60))


def test_a_numbered_list_goes_on_counting_in_the_next_part() -> None:
    html = "<ol>" + "".join(f"<li>item {n} {'word ' * 40}</li>" for n in range(1, 101)) + "</ol>"
    parts = cut(html)
    assert len(parts) > 1
    for part in parts[1:]:
        start, first = re.match(r'<ol start="(\d+)"><li>item (\d+)', part).groups()  # type: ignore[union-attr]
        assert start == first
