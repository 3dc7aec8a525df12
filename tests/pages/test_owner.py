"""What the site's owner brings: imprint, privacy, a logo, whom to tell of a weakness."""
from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from builder import opening
from builder.assets import Assets
from edge.errors import SettingsError
from edge.origin import Origin
from edge.policy import page_headers
from edge.settings import read_settings
from edge.store.port import Put
from edge.store.sqlite import SQLiteStore
from tests.edge.asking import ask
from tests.edge.pages import page
from tests.site import SITE, Built, text_of

IMPRINT = "# We\n\n**School**, <script>x</script>[write](javascript:x)"
OWNED = SITE._replace(imprint=IMPRINT, privacy="Nothing is kept.")
TOLD = SITE._replace(security_contacts=("mailto:security@lectures.example", "https://lectures.example/report"),
                     security_expires="2027-06-30")


def test_imprint_and_privacy_are_pages_with_clean_words_and_stand_below_every_page_only_while_there_are_some(site: Built) -> None:
    site.build(site=OWNED)
    imprint = site.text("/imprint/")
    assert "<strong>School</strong>" in imprint
    assert 'href="javascript:' not in imprint
    assert "<script>x" not in imprint
    assert "Nothing is kept." in site.text("/privacy/")
    for path in ("/", "/videos/", "/imprint/"):
        assert '<a href="/imprint/">Imprint</a>' in site.text(path)
        assert '<a href="/privacy/">Privacy</a>' in site.text(path)
    assert f"{SITE.base_url}/imprint/" in site.text("/sitemaps/lists-0.xml")
    site.build()
    gone = site.objects()
    assert [gone[path].status for path in ("/imprint/", "/privacy/")] == [410, 410]
    assert not [path for path, text in site.texts() if gone[path].status == 200 and "/imprint/" in text]


def test_security_txt_names_contacts_and_the_day_that_was_set(site: Built) -> None:
    site.build(site=TOLD)
    thing = site.objects()["/.well-known/security.txt"]
    assert thing.content_type == "text/plain; charset=utf-8"
    assert text_of(thing) == (
        "Contact: mailto:security@lectures.example\nContact: https://lectures.example/report\nExpires: 2027-06-30T00:00:00Z\n"
        "Preferred-Languages: en\nCanonical: https://lectures.example/.well-known/security.txt\n")
    site.build()
    assert site.objects()["/.well-known/security.txt"].status == 410


def test_password_managers_are_led_to_where_it_is_changed_and_other_hidden_names_stay_hidden(site: Built, tmp_path: Path) -> None:
    site.build(site=TOLD)
    with closing(SQLiteStore(tmp_path / "served.db")) as store:
        store.put(Put(thing) for thing in site.objects().values())
        store.put([Put(page("a/.well-known/x", "hidden")), Put(page(".well-known/.x", "hidden")), Put(page(".env", "hidden"))])
        origin = Origin(store, page_headers(https=True))
        for address in ("/.well-known/change-password", "/.well-known/change-password/"):
            answer = ask(origin, address)
            assert (answer.status, answer.headers["location"]) == (302, "/account/settings/")
        assert ask(origin, "/.well-known/security.txt").text.startswith("Contact: mailto:")
        assert {ask(origin, path).status for path in ("/a/.well-known/x", "/.well-known/.x", "/.env")} == {404}


@pytest.mark.parametrize(("name", "value", "words"), [
    ("LECTERN_SECURITY_CONTACT", "security@lectures.example", "no address such as mailto:"),
    ("LECTERN_SECURITY_CONTACT", "mailto:a@b.example", "go together"),
    ("LECTERN_SECURITY_EXPIRES", "2027-06-30", "go together"),
])
def test_half_a_contact_is_refused(name: str, value: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        read_settings({name: value})


@pytest.mark.parametrize("day", ["2027-6-30", "2027-02-30", "20270630", "soon", "2027-06-30T00:00:00Z"])
def test_a_day_that_is_none_is_refused(day: str) -> None:
    with pytest.raises(SettingsError, match="write a day such as"):
        read_settings({"LECTERN_SECURITY_CONTACT": "mailto:a@b.example", "LECTERN_SECURITY_EXPIRES": day})


def test_the_owner_s_files_are_found_beside_the_file_of_settings_and_what_is_wrong_with_them_is_said(tmp_path: Path) -> None:
    (tmp_path / "us.md").write_text("Us", "utf-8")
    (tmp_path / "logo.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>', "utf-8")
    read = read_settings({"LECTERN_IMPRINT": "us.md", "LECTERN_LOGO": "logo.svg"}, tmp_path / ".env")
    assert opening.site(read)._replace(base_url="") == opening.site(read_settings({}, tmp_path / ".env"))._replace(
        base_url="", imprint="Us", logo='<svg xmlns="http://www.w3.org/2000/svg"/>')
    (tmp_path / "large.md").write_text("x" * (opening.MOST_FILE_BYTES + 1))
    (tmp_path / "latin.md").write_bytes(b"\xe9")
    for name, value, words in (("LECTERN_IMPRINT", "none.md", "cannot be read: No such file"), ("LECTERN_PRIVACY", "large.md", "more than"),
                               ("LECTERN_PRIVACY", "latin.md", "no UTF-8"), ("LECTERN_LOGO", "us.md", "no SVG")):
        with pytest.raises(SettingsError, match=f"{name}.*{words}"):
            opening.site(read_settings({name: value}, tmp_path / ".env"))


def test_a_logo_stands_in_place_of_the_mark_under_a_name_of_its_own() -> None:
    logo = '<svg xmlns="http://www.w3.org/2000/svg"><circle r="9"/></svg>'
    ours, theirs = Assets(0), Assets(0, logo=logo)
    assert ours.path("favicon.svg") != theirs.path("favicon.svg")
    (mark,) = [asset.body.decode() for asset in theirs.all() if asset.name == "favicon.svg"]
    (sheet,) = [asset.body.decode() for asset in theirs.all() if asset.name == "site.css"]
    assert mark == logo
    assert theirs.path("favicon.svg") in sheet
