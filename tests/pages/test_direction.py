"""Text of any direction stays where it stands: no title turns what is around it."""
from __future__ import annotations

import re

import html5lib
import pytest

from builder.pages.page import HTML, dumps, script_json
from builder.pages.words import unturned
from builder.templating import escape_string
from tests.site import Built, fill, text_of

H = "{http://www.w3.org/1999/xhtml}"
ARABIC, HEBREW = "مقدمة في البرمجة", "מבוא לתכנות"
TURNS = re.compile("[\u202a-\u202e\u2066-\u2069]")


@pytest.mark.parametrize(("written", "shown"), [
    ("Turned \u202eround", "Turned round"),
    ("\u202aold\u202c \u202bway\u202c", "old way"),
    ("open \u2067isolate", "open isolate"),
    ("closed\u2069 too soon \u2066x\u2069", "closed too soon x"),
    ("an honest \u2067" + HEBREW + "\u2069 one", "an honest \u2067" + HEBREW + "\u2069 one"),
    ("\u2068a \u2067b\u2069\u2069", "\u2068a \u2067b\u2069\u2069"),
    (f"{ARABIC}\u200f!\u200e \u061c", f"{ARABIC}\u200f!\u200e \u061c"),
    ("\u202e\u2067<b>", "&lt;b&gt;"),
])
def test_what_is_shown_of_a_text_leaves_no_direction_open(written: str, shown: str) -> None:
    assert escape_string(written) == shown
    assert unturned(unturned(written)) == unturned(written)


def test_json_has_no_control_of_direction_at_all() -> None:
    value = {"title": "a \u2067b\u2069 \u202ec", "mark": "\u200f"}
    assert dumps(value) == '{"title":"a b c","mark":"\u200f"}'
    assert not TURNS.search(script_json(value))


def test_every_title_of_the_catalog_stands_in_an_element_of_its_own_direction(site: Built) -> None:
    fill(site, videos=60, title=ARABIC)
    site.sql("UPDATE catalog.course SET title = %s", f"{HEBREW} א")
    site.sql("UPDATE catalog.batch SET title = %s", f"{HEBREW} ב")
    site.sql("UPDATE catalog.subject SET title = %s", f"{HEBREW} ג")
    site.sql("UPDATE catalog.instructor SET name = %s", f"{HEBREW} ד")
    site.sql("UPDATE catalog.video SET title = %s WHERE id = 1", f"{ARABIC} \u2067 \u2066\u2069")
    site.sql("UPDATE catalog.video SET description = %s, licence = %s WHERE id = 2", "Words \u202eturned", "All \u202eturned")
    site.build()
    for path, thing in site.objects().items():
        if thing.content_type == HTML:
            _looked_at(path, html5lib.parse(text_of(thing)).find(f"{H}body"), False)
        if not path.startswith("/assets/"):
            for line in re.findall(r"(?:<title>|<summary>|content=\")[^<\"]*", text_of(thing)):
                assert TURNS.sub("", line) == line or unturned(line) == line, path
            if thing.content_type.startswith(("application/json", "application/xml")):
                assert not TURNS.search(text_of(thing)), path


def _looked_at(path: str, element: html5lib.treebuilders.etree.Element, own: bool) -> None:
    own = own or element.get("dir") == "auto" or element.tag == f"{H}bdi"
    if not isinstance(element.tag, str) or element.tag == f"{H}script":
        return
    words = (element.text or "") + "".join(child.tail or "" for child in element)
    assert own or not re.search("[\u0590-\u06ff]", words), (path, element.tag, words)
    for child in element:
        _looked_at(path, child, own)
