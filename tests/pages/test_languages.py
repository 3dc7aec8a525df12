"""What the site says, in each of its languages."""
from __future__ import annotations

import io
import re
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import html5lib
import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

from builder.assets import Assets
from builder.fingerprint import fingerprints
from builder.pages.page import HTML
from builder.templating import environment
from edge import language as languages
from edge.errors import SettingsError
from edge.language import FOLDER, Language
from edge.settings import read_settings
from tests.messages import brought_up_to_date, said
from tests.site import SITE, Built, fill, text_of

HINDI = SITE._replace(language="hi")
H = "{http://www.w3.org/1999/xhtml}"
CATALOGS = sorted(FOLDER.glob("*.po"))
# The written rule for each language that comes along, by Unicode CLDR's table of plural rules.
RULES = {"hi": "(n > 1)"}


def _catalog(file: Path) -> Catalog:
    return read_po(io.BytesIO(file.read_bytes()), abort_invalid=True)


def _forms(words: str | list[str] | tuple[str, ...] | None) -> list[str]:
    return [words or ""] if isinstance(words, str) or words is None else list(words)


@pytest.fixture(scope="module")
def messages() -> list[Message]:
    return [message for message in said() if message.id]


def test_every_message_has_a_hindi_translation_and_none_is_kept_that_nobody_says(messages: list[Message]) -> None:
    hindi = {_forms(m.id)[0]: m for m in _catalog(FOLDER / "hi.po") if m.id}
    spoken = {_forms(m.id)[0] for m in messages}
    assert spoken - hindi.keys() == set(), "run `make messages`, and translate them in templates/languages/hi.po"
    assert hindi.keys() - spoken == set(), "run `make messages`: nobody says these"
    assert [id for id, m in hindi.items() if m.fuzzy or not all(_forms(m.string))] == [], "translate these"


@pytest.mark.parametrize("file", CATALOGS, ids=lambda file: file.stem)
def test_a_translation_has_the_placeholders_and_the_tags_of_its_message(file: Path) -> None:
    catalog = _catalog(file)
    for message in catalog:
        if not message.id or not all(_forms(message.string)):
            continue
        one, *many = _forms(message.id)
        forms = _forms(message.string)
        assert len(forms) == (catalog.num_plurals if many else 1), one
        for form in forms:
            for parts in (r"%\(\w+\)s", r"<[^>]*>"):
                assert sorted(re.findall(parts, form)) == sorted(re.findall(parts, (many or [one])[0])), form
            assert not re.search(r"%(?!\(\w+\)s)", form), form
            assert form == form.strip(), form


@pytest.mark.parametrize("file", CATALOGS, ids=lambda file: file.stem)
def test_a_catalog_stands_as_the_tool_writes_it_and_its_plural_rule_as_it_is_written_down(file: Path) -> None:
    text = file.read_text("utf-8")
    assert brought_up_to_date(text, file.stem) == text, "run `make messages`"
    assert Language(file.stem).rule == RULES[file.stem]


def test_a_count_takes_its_form_in_each_language(messages: list[Message]) -> None:
    english, hindi = Language("en"), Language("hi")
    assert [english.form(n) for n in (0, 1, 2, 11)] == [1, 0, 1, 1]
    assert [hindi.form(n) for n in (0, 1, 2, 11)] == [0, 0, 1, 1]  # what CLDR says of Hindi: none is like one
    counted = [m for m in messages if m.pluralizable]
    assert counted
    for message in counted:
        one, many = _forms(message.id)
        values = dict.fromkeys(re.findall(r"%\((\w+)\)s", many), "x")
        values.pop("n")
        assert [english.ngettext(one, many, n, **values) for n in (0, 1, 2, 11)] == [
            form % {**values, "n": n} for n, form in ((0, many), (1, one), (2, many), (11, many))]
        forms = hindi.forms(one, many)
        assert [hindi.ngettext(one, many, n, **values) for n in (0, 1, 2, 11)] == [
            forms[0] % {**values, "n": 0}, forms[0] % {**values, "n": 1}, forms[1] % {**values, "n": 2}, forms[1] % {**values, "n": 11}]


def test_dates_lengths_and_figures_are_those_of_the_language() -> None:
    english, hindi = Language("en"), Language("hi")
    day = date(2022, 7, 14)
    assert (english.long_date(day), hindi.long_date(day)) == ("14 July 2022", "14 जुलाई 2022")
    assert (english.number(1234567), hindi.number(1234567)) == ("1,234,567", "12,34,567")
    assert (english.minutes(3900), hindi.minutes(3900)) == ("1 h 05 min", "1 घं॰ 05 मि॰")
    assert (english.language_name("pt-BR"), hindi.language_name("pt-BR")) == ("Portuguese", "पुर्तगाली")
    assert english.language_name("xqz") == "xqz"
    assert english.long_date(None) == english.minutes(None) == english.language_name(None) == ""


def test_every_page_of_a_hindi_site_speaks_hindi_and_nothing_else_of_its_own(site: Built) -> None:
    fill(site, videos=120, title="9")
    site.sql("UPDATE catalog.course SET title = '1'; UPDATE catalog.batch SET title = '2', gated = false, url = 'https://b.example'")
    site.sql("UPDATE catalog.subject SET title = '3'; UPDATE catalog.instructor SET name = '4'")
    site.sql("UPDATE catalog.video SET description = '', language = 'de', unavailable_since = '2021-01-01' WHERE id < 50")
    site.sql("UPDATE catalog.video SET description = '5'")
    site.sql("UPDATE catalog.video SET slug = 'moved' WHERE id = 1")
    site.sql("DELETE FROM catalog.source WHERE video_id = 5")
    site.sql("""INSERT INTO catalog.caption (video_id, language, kind, body)
        VALUES (3, 'en', 'captions', 'WEBVTT'), (3, 'en', 'transcript', '6')""")
    site.sql("INSERT INTO catalog.resource (video_id, position, label, url) VALUES (3, 0, '7', 'https://slides.example/3')")
    site.build(site=HINDI)
    kinds: set[str] = set()
    for path, thing in site.objects().items():
        if thing.content_type != HTML:
            continue
        kinds.add(re.findall(r"kind:(\S+)", thing.tags)[0])
        page = html5lib.parse(text_of(thing))
        assert (page.get("lang"), page.get("dir")) == ("hi", "ltr"), path
        english = set(re.findall("[A-Za-z]{2,}", " ".join(_words(page)))) - {"Lectern", "Atom", "YouTube", "JavaScript", "JSON", "de"}
        assert english == set(), path
        described = page.find(f".//{H}meta[@name='description']").get("content")
        assert not set(re.findall("[A-Za-z]{2,}", described)) - {"Lectern"}, path
    assert kinds >= {"video", "batch", "course", "courses", "subject", "instructor", "index", "home", "about", "not-found", "redirect"}


def _words(page: html5lib.treebuilders.etree.Element) -> Iterator[str]:
    """What a reader or a screen reader is told, each text and each telling attribute."""
    for element in page.iter():
        if not isinstance(element.tag, str) or element.tag in (f"{H}script", f"{H}style"):
            yield element.tail or ""
            continue
        yield element.text or ""
        yield element.tail or ""
        yield from (element.get(name, "") for name in ("alt", "title", "aria-label", "label", "placeholder"))


def test_scripts_speak_the_site_s_language() -> None:
    scripts = [asset for asset in Assets(0, "hi").all() if asset.name.endswith(".js")]
    assert [asset for asset in scripts if re.search(r"[\u0900-\u097f]", asset.body.decode())]
    for asset in scripts:
        assert not re.search(r"""(?<![\w.$])(?:_|ngettext)\(\s*['"`]\s*[A-Za-z]""", asset.body.decode()), asset.name


def test_a_message_in_a_script_gives_way_to_its_translation_and_a_count_to_all_its_forms(monkeypatch: pytest.MonkeyPatch) -> None:
    hindi = Language("hi")
    monkeypatch.setattr(hindi, "_messages", {"Open it": ('यह "खोलें"',), "%(n)s day": ("%(n)s दिन", "%(n)s दिनों")})
    assert hindi.script('say(_("Open it", { a }), x_("Open it"), o._("Open it"))') == (
        'say(_("यह \\"खोलें\\"", { a }), x_("Open it"), o._("Open it"))')
    assert hindi.script('ngettext("%(n)s day", "%(n)s days", count)') == 'ngettext(["%(n)s दिन", "%(n)s दिनों"], count)'
    assert Language("en").script('ngettext("%(n)s day", "%(n)s days", n)') == 'ngettext(["%(n)s day", "%(n)s days"], n)'


def test_what_a_translator_writes_as_text_is_text_in_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    hindi = Language("hi")
    monkeypatch.setattr(hindi, "_messages", {"Pages": ('"<b>',), "in %(language)s": ('<i> "%(language)s',), "<b>New</b>": ("<b>नया</b>",)})
    env = environment(Assets(0), SITE)
    env.words = hindi
    text = env.from_string('{{ _("Pages") }}|{% trans language=x %}in {{ language }}{% endtrans %}|{% trans %}<b>New</b>{% endtrans %}')
    assert text.render(x="<&") == "&#34;&lt;b&gt;|&lt;i&gt; &#34;&lt;&amp;|<b>नया</b>"


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of catalogs of the test's own, with those that come along."""
    for file in CATALOGS:
        shutil.copy(file, tmp_path)
    monkeypatch.setattr(languages, "FOLDER", tmp_path)
    languages.language.cache_clear()
    yield tmp_path
    languages.language.cache_clear()


def test_a_changed_translation_is_live_with_the_next_build(site: Built, shelf: Path) -> None:
    fill(site)
    site.build(site=HINDI)
    before = fingerprints(HINDI, "100k")
    assert "पाठ्यक्रम" in site.text("/")
    file = shelf / "hi.po"
    file.write_text(file.read_text("utf-8").replace('msgid "Courses"\nmsgstr "पाठ्यक्रम"', 'msgid "Courses"\nmsgstr "कोर्स"'), "utf-8")
    languages.language.cache_clear()
    assert all(now != before[kind] for kind, now in fingerprints(HINDI, "100k").items())
    assert fingerprints(SITE, "100k") == fingerprints(SITE._replace(language="en"), "100k") != before
    site.build(site=HINDI)
    assert "कोर्स" in site.text("/")
    live = site.digests()
    site.begin_anew()
    site.build(site=HINDI)
    assert site.digests() == live


def test_a_language_is_added_by_its_file_alone_and_says_in_english_what_it_does_not_translate(shelf: Path) -> None:
    begun = brought_up_to_date("", "pt-BR")
    (shelf / "pt-BR.po").write_text(begun.replace('msgid "Courses"\nmsgstr ""', 'msgid "Courses"\nmsgstr "Cursos"'))
    words = languages.language("pt-BR")
    assert (words.gettext("Courses"), words.gettext("Lectures"), words.dir) == ("Cursos", "Lectures", "ltr")
    assert words.ngettext("%(n)s lecture", "%(n)s lectures", 5) == "5 lectures"
    assert words.long_date(date(2022, 7, 14)) == "14 de julho de 2022"


def test_a_language_without_a_catalog_or_with_a_broken_one_is_refused_with_what_to_do(shelf: Path) -> None:
    known = ", ".join(sorted({"en", *(file.stem for file in CATALOGS)}))
    with pytest.raises(SettingsError, match=rf"'ta'.*write one of {known}, or add that file"):
        languages.language("ta")
    (shelf / "ta.po").write_text('msgid ""\nmsgstr ""\n\nmsgid "Courses"\nrubbish\n')
    with pytest.raises(SettingsError, match=r"ta\.po, line \d+ is no gettext catalog"):
        languages.language("ta")
    for wrong, why in (("%(adress)s", "names adress"), ("%(address)s 5 %", "written %%"), ("%(address)s\\n", "breaks the line")):
        (shelf / "ta.po").write_text(f'msgid ""\nmsgstr ""\n\nmsgid "Log in: %(address)s"\nmsgstr "{wrong}"\n')
        with pytest.raises(SettingsError, match=rf"ta\.po, line 4.*{re.escape(why)}"):
            languages.language("ta")
    (shelf / "ta.po").write_text('msgid ""\nmsgstr ""\n"Plural-Forms: nplurals=2; plural=__import__(1);\\n"\n')
    with pytest.raises(SettingsError, match=r"ta\.po is no gettext catalog"):
        languages.language("ta")
    (shelf / "xx.po").write_text("")
    with pytest.raises(SettingsError, match="CLDR knows no such language"):
        languages.language("xx")


@pytest.mark.parametrize("wrong", ["../hi", "hi.po", "HI", "hindi", "hi_IN", "hi-in", "e"])
def test_the_setting_of_the_language_takes_tags_alone(wrong: str) -> None:
    with pytest.raises(SettingsError, match="LECTERN_LANGUAGE"):
        read_settings({"LECTERN_LANGUAGE": wrong})
    assert read_settings({"LECTERN_LANGUAGE": "pt-BR"}).language == "pt-BR"


def test_a_site_in_a_language_from_right_to_left_is_laid_out_so(site: Built, shelf: Path) -> None:
    begun = brought_up_to_date("", "ar")
    (shelf / "ar.po").write_text(begun.replace('msgid "Courses"\nmsgstr ""', 'msgid "Courses"\nmsgstr "الدورات"'), "utf-8")
    fill(site)
    site.build(site=SITE._replace(language="ar"))
    for path in ("/", "/videos/lecture-1/", "/404.html", "/search/"):
        if path in site.objects():
            page = html5lib.parse(site.text(path))
            assert (page.get("lang"), page.get("dir")) == ("ar", "rtl"), path
            assert "الدورات" in "".join(page.itertext()), path


def test_the_style_sheet_names_no_side_but_where_it_turns_one_round() -> None:
    (sheet,) = [asset.body.decode() for asset in Assets(0).all() if asset.name == "site.css"]
    rules = re.findall(r"[^{}]*\{[^{}]*\}", sheet)
    assert len(rules) > 100
    for rule in rules:
        selector, _, body = rule.partition("{")
        sided = re.findall(r"(?:^|[;\s])((?:margin-|padding-|border-)?(?:left|right)\s*:|text-align:\s*(?:left|right)|float\s*:)", body)
        assert not sided, rule
        shadows = re.findall(r"box-shadow: inset (-?[1-9]\d*)px 0", body)
        turned = f"[dir=rtl] {selector.strip()}" in sheet or selector.strip().startswith("[dir=rtl]")
        assert not shadows or turned, rule
