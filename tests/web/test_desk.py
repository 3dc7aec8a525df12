"""Editors at the desk, in real browsers on the real stack: what they do ends at the page that readers get through Varnish."""
from __future__ import annotations

import csv
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from builder.embedded import Server
from tests.conftest import database
from tests.edge.servers import free_port
from tests.web.conftest import WAIT_MS, Heard, Live
from tests.web.desking import WAIT_S, Desk, Editor, desk_of

Open = Callable[..., Editor]


@pytest.fixture(scope="module")
def desk(server: Server, _migrated: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with database(server, f"TEMPLATE {_migrated}") as dsn:
        live = Live(f"http://127.0.0.1:{free_port()}", dsn, tmp_path_factory.mktemp("desk"))
        with desk_of(live) as made:
            yield made


@pytest.fixture
def editor(browser: Browser, desk: Desk) -> Iterator[Open]:
    """Makes an editor with a browser of their own. After the test the policy has refused nothing, and nothing was left uncaught."""
    made: list[BrowserContext] = []
    heard = Heard(desk.edge.url)

    def opened(name: str = "Eve", role: str = "editor", **options: object) -> Editor:
        context = browser.new_context(base_url=desk.edge.url, **options)  # type: ignore[arg-type]
        context.set_default_timeout(WAIT_MS)
        heard.listen(context)
        made.append(context)
        return Editor(desk, context, desk.account(name, role))

    yield opened
    for context in made:
        context.close()
    assert heard.refused == []
    assert [error for error in heard.errors if "uncaught" in error] == []


def test_a_new_lecture_by_its_address_is_previewed_published_and_read_within_seconds(desk: Desk, editor: Open) -> None:
    eve = editor()
    page = eve.opens("/desk/#new")
    page.get_by_label("Paste a recording's address").fill(f"{desk.streams}/talks/limits/list.m3u8")
    page.get_by_role("button", name="Fill in").click()
    expect(page.get_by_text("Filled in from")).to_be_visible()
    expect(page.get_by_label("Length")).to_have_value("1:30")
    page.locator("#f-title").fill("Limits, from the beginning")
    page.locator("#f-batch").fill("Flask")
    page.locator(".options li").first.click()
    page.locator("#f-description").fill("What a *limit* is.")
    expect(page.locator(".shown-as em")).to_have_text("limit")
    eve.saved()
    expect(page.locator(".reach")).to_contain_text("pages")
    page.get_by_role("button", name="Preview").click()
    first = page.get_by_role("link", name="Open the preview")
    expect(first).to_be_visible()
    with page.expect_popup() as popup:
        first.click()
    expect(popup.value.get_by_role("heading", name="Limits, from the beginning")).to_be_visible()
    popup.value.close()
    assert desk.edge.get("/videos/limits-from-the-beginning/").status == 404
    begun = time.monotonic()
    page.locator(".publish .strong").click()
    desk.shows("/videos/limits-from-the-beginning/", "Limits, from the beginning")
    print(f"from the button to the page that readers get: {time.monotonic() - begun:.2f} s")
    eve.sees_it_live()
    assert "<em>limit</em>" in desk.reads("/videos/limits-from-the-beginning/")


def test_a_batch_s_order_is_changed_by_keys_and_by_dragging(desk: Desk, editor: Open) -> None:
    batch, slug = desk.live.sql("""SELECT b.id, b.slug FROM catalog.batch b JOIN catalog.video v ON v.batch_id = b.id
        GROUP BY b.id ORDER BY count(*) DESC LIMIT 1""")[0]
    eve = editor()
    page = eve.opens(f"/desk/batches/#{batch}")
    expect(page.locator(".order bdi").first).to_be_visible()
    titles = page.locator(".order bdi").all_text_contents()
    assert desk.order_of(f"/batches/{slug}/") == titles
    page.locator(".order .handle").nth(0).press("Alt+ArrowDown")
    expect(page.locator(".tell")).to_contain_text("place 2")
    page.locator(".order .handle").nth(1).press("Alt+End")
    page.locator(".order li").nth(2).drag_to(page.locator(".order li").nth(0), target_position={"x": 80, "y": 3})
    wanted = titles[1:] + titles[:1]
    wanted.insert(0, wanted.pop(2))
    expect(page.locator(".order bdi").first).to_have_text(wanted[0])
    assert page.locator(".order bdi").all_text_contents() == wanted
    eve.saved()
    eve.publishes()
    assert desk.order_of(f"/batches/{slug}/") == wanted
    page.get_by_role("button", name="Undo", exact=True).first.click()
    expect(page.locator(".done-head")).to_be_visible()
    desk.eventually(lambda: desk.order_of(f"/batches/{slug}/") == titles)


def test_two_instructors_become_one(desk: Desk, editor: Open) -> None:
    batch = desk.one("SELECT min(id) FROM catalog.batch")
    for name in ("Grace Hopper", "Hopper, Grace"):
        slug = name.lower().replace(", ", "-").replace(" ", "-")
        desk.live.sql("""WITH i AS (INSERT INTO catalog.instructor (slug, name) VALUES (%s, %s) RETURNING id), v AS (
            INSERT INTO catalog.video (slug, title, status, batch_id) VALUES (%s || '-talks', %s || ' talks', 'published', %s) RETURNING id)
            INSERT INTO catalog.video_instructor (video_id, instructor_id, position) SELECT v.id, i.id, 0 FROM v, i""",
                      slug, name, slug, name, batch)
    desk.shows("/instructors/hopper-grace/", "Hopper, Grace")
    eve = editor()
    page = eve.opens("/desk/instructors/?q=Hopper")
    page.get_by_label("Select Grace Hopper").check()
    page.get_by_label("Select Hopper, Grace").check()
    page.get_by_role("button", name="Merge the two").click()
    box = page.get_by_role("dialog", name="Merge two into one")
    expect(box.locator(".reach")).to_be_visible()
    box.get_by_role("button", name="Merge", exact=True).click()
    expect(box).to_be_hidden()
    eve.sees_it_live()
    stays = desk.one("SELECT slug FROM catalog.instructor WHERE name IN ('Grace Hopper', 'Hopper, Grace')")
    goes = ({"grace-hopper", "hopper-grace"} - {stays}).pop()
    assert "Grace Hopper talks" in desk.reads(f"/instructors/{stays}/")
    assert "Hopper, Grace talks" in desk.reads(f"/instructors/{stays}/")
    desk.eventually(lambda: desk.reads(f"/instructors/{goes}/") == "301")


def test_a_second_editor_sees_both_versions_and_overwrites_nothing(desk: Desk, editor: Open) -> None:
    video, path = desk.lecture("Twice edited")
    eve, finn = editor("Eve"), editor("Finn")
    hers, his = eve.opens(f"/desk/#{video}"), finn.opens(f"/desk/#{video}")
    hers.locator("#f-title").fill("Twice edited, by Eve")
    eve.saved()
    his.locator("#f-title").fill("Twice edited, by Finn")
    his.locator("#f-licence").fill("CC BY 4.0")
    finn.saved()
    eve.publishes()
    his.locator(".publish .strong").click()
    box = his.get_by_role("dialog", name="Somebody else changed this")
    expect(box.get_by_text("Twice edited, by Eve")).to_be_visible()
    expect(box.get_by_text("Twice edited, by Finn")).to_be_visible()
    assert desk.one("SELECT title FROM catalog.video WHERE id = %s", video) == "Twice edited, by Eve"
    box.locator("input[name=c-title][value=theirs]").check()
    box.get_by_role("button", name="Go on with these").click()
    expect(his.locator("#f-title")).to_have_value("Twice edited, by Eve")
    expect(his.locator("#f-licence")).to_have_value("CC BY 4.0")
    finn.saved()
    finn.publishes()
    assert desk.one("SELECT title || licence FROM catalog.video WHERE id = %s", video) == "Twice edited, by EveCC BY 4.0"
    assert "Twice edited, by Eve" in desk.reads(path)


def test_a_lecture_is_scheduled_and_comes_when_its_time_does(desk: Desk, editor: Open) -> None:
    video, path = desk.lecture("To come", status="draft")
    eve = editor(timezone_id="Asia/Kolkata")
    page = eve.opens(f"/desk/#{video}")
    page.get_by_role("button", name="Schedule …").click()
    box = page.get_by_role("dialog", name="Schedule this lecture")
    expect(box.get_by_text("(GMT+5:30)")).to_be_visible()
    box.get_by_label("Publish at").fill("2020-01-01T10:00")
    box.get_by_role("button", name="Schedule").click()
    expect(box.get_by_role("alert")).to_contain_text("still to come")
    box.get_by_label("Publish at").fill("2099-01-01T10:00")
    box.get_by_role("button", name="Schedule").click()
    expect(page.locator(".thing-head .pill")).to_have_text("scheduled")
    assert desk.one("SELECT publish_at FROM catalog.video WHERE id = %s", video).isoformat().startswith("2099-01-01T04:30")
    assert desk.reads(path) == "404"
    desk.live.sql("UPDATE catalog.video SET publish_at = now() + interval '1 second' WHERE id = %s", video)
    desk.shows(path, "To come")


def test_a_withdrawn_lecture_is_gone_and_comes_back_by_undo(desk: Desk, editor: Open) -> None:
    video, path = desk.lecture("Here and gone")
    eve = editor()
    page = eve.opens(f"/desk/#{video}")
    page.get_by_role("button", name="Withdraw").click()
    eve.sees_it_live()
    expect(page.locator(".thing-head .pill")).to_have_text("withdrawn")
    desk.eventually(lambda: desk.reads(path) == "410")
    page.get_by_role("button", name="Undo", exact=True).first.click()
    desk.shows(path, "Here and gone")


def test_what_was_deleted_can_be_brought_back_and_what_was_taken_down_cannot(desk: Desk, editor: Open) -> None:
    video, path = desk.lecture("Deleted by mistake")
    eve = editor()
    page = eve.opens(f"/desk/#{video}")
    page.locator(".more summary").click()
    page.get_by_role("button", name="Delete …").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.locator(".done-head")).to_contain_text("Deleted.")
    desk.eventually(lambda: desk.reads(path) == "410")
    page.get_by_role("button", name="Undo", exact=True).click()
    expect(page.locator("#f-title")).to_have_value("Deleted by mistake")
    desk.shows(path, "Deleted by mistake")
    page.locator(".more summary").click()
    page.get_by_role("button", name="Take down for good …").click()
    page.get_by_role("dialog").get_by_role("button", name="Take down").click()
    expect(page.get_by_role("dialog")).to_contain_text("It is gone", timeout=20_000)
    assert desk.reads(path) == "410"


def test_several_are_published_and_withdrawn_at_once(desk: Desk, editor: Open) -> None:
    paths = [desk.lecture(f"Of many {n}", status="draft")[1] for n in (1, 2, 3)]
    eve = editor()
    page = eve.opens("/desk/?q=Of+many")
    expect(page.locator(".things input")).to_have_count(3)
    page.get_by_label("Select all shown").check()
    page.get_by_role("button", name="What would it touch?").click()
    expect(page.locator(".bulk .reach")).to_be_visible()
    page.get_by_role("button", name="Publish 3").click()
    eve.sees_it_live()
    assert all("Of many" in desk.reads(path) for path in paths)
    page.get_by_role("button", name="Withdraw").click()
    expect(page.locator(".done-head")).to_contain_text("Withdrawn")
    desk.eventually(lambda: [desk.reads(path) for path in paths] == ["410"] * 3)


def test_the_site_goes_back_to_a_release_and_on_again(desk: Desk, editor: Open) -> None:
    video, path = desk.lecture("Before the mistake")
    ada = editor("Ada", "admin")
    page = ada.opens("/desk/releases/")
    release = int(page.locator("tbody th").first.inner_text().replace(",", ""))
    desk.live.sql("UPDATE catalog.video SET title = 'The mistake' WHERE id = %s", video)
    desk.shows(path, "The mistake")
    page.reload()
    page.get_by_role("button", name=f"Back to release {release} …").click()
    page.get_by_role("dialog").get_by_role("button", name="Take the site back").click()
    expect(page.get_by_text("publishing is on hold")).to_be_visible(timeout=20_000)
    desk.shows(path, "Before the mistake")
    page.get_by_role("button", name="Publish again …").click()
    page.get_by_role("dialog").get_by_role("button", name="Publish again").click()
    expect(page.get_by_text("publishing is on hold")).to_be_hidden(timeout=20_000)
    desk.shows(path, "The mistake")


def test_of_500_rows_with_three_bad_ones_nothing_is_lost(desk: Desk, editor: Open, tmp_path: Path) -> None:
    bad = (7, 250, 499)
    batch = desk.one("SELECT slug FROM catalog.batch WHERE id = (SELECT max(id) FROM catalog.batch)")
    with (tmp_path / "many.csv").open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["title", "slug", "batch", "duration_s", "status"])
        out.writerows([f"Bulk {n}", f"bulk-{n}", batch, "long" if n in bad else 60 + n, "published"] for n in range(500))
    eve = editor()
    page = eve.opens("/desk/files/")
    page.get_by_label("File", exact=True).set_input_files(tmp_path / "many.csv")
    page.get_by_role("button", name="Try it").click()
    expect(page.locator(".told .reach")).to_contain_text("497 new, 3 refused", timeout=30_000)
    expect(page.locator(".told .warning li")).to_have_count(3)
    assert desk.one("SELECT count(*) FROM catalog.video WHERE slug LIKE 'bulk-%%'") == 0
    page.get_by_role("button", name="Import the good rows").click()
    expect(page.get_by_role("heading", name="Done")).to_be_visible(timeout=30_000)
    with page.expect_download() as download:
        page.get_by_role("link", name="The refused rows as a file").click()
    refused = Path(download.value.path()).read_text()
    assert [f"bulk-{n}" in refused for n in bad] == [True] * 3
    (tmp_path / "mended.csv").write_text(refused.replace("long", "99"))
    page.get_by_label("File", exact=True).set_input_files(tmp_path / "mended.csv")
    page.get_by_role("button", name="Try it").click()
    expect(page.locator(".told .reach")).to_contain_text("3 new")
    page.get_by_role("button", name="Import the good rows").click()
    expect(page.get_by_role("heading", name="Done")).to_be_visible()
    assert desk.one("SELECT count(*) FROM catalog.video WHERE slug LIKE 'bulk-%%'") == 500
    eve.sees_it_live()
    assert "Bulk 499" in desk.reads("/videos/bulk-499/")
    page.get_by_role("button", name="Undo the import").click()
    expect(page.locator(".done-head")).to_contain_text("Deleted")
    desk.eventually(lambda: desk.reads("/videos/bulk-499/") == "410")
    eve.opens("/desk/history/")
    made = page.locator(".history > li", has_text="Bulk 498").first
    made.locator("summary").click()
    expect(made).to_contain_text("Eve")
    expect(made).to_contain_text("from a file")
    made.get_by_role("button", name="Undo the whole file").click()
    expect(page.locator(".done-head")).to_contain_text("Deleted", timeout=WAIT_S * 1000)
    assert desk.one("SELECT count(*) FROM catalog.video WHERE slug LIKE 'bulk-%%'") == 0
    desk.eventually(lambda: desk.reads("/videos/bulk-498/") == "410")


def test_the_catalog_is_taken_along_as_a_file_that_changes_nothing_when_it_comes_back(desk: Desk, editor: Open, tmp_path: Path) -> None:
    video, _ = desk.lecture("A title that is a formula")
    desk.live.sql("UPDATE catalog.video SET title = '=HYPERLINK(1)' WHERE id = %s", video)
    videos = desk.one("SELECT count(*) FROM catalog.video")
    page = editor().opens("/desk/files/")
    page.get_by_role("button", name="Export as CSV").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    file = tmp_path / "catalog.csv"
    download.value.save_as(file)
    assert ",=HYPERLINK" not in file.read_text()  # a spreadsheet would run it
    page.get_by_label("File", exact=True).set_input_files(file)
    page.get_by_role("button", name="Try it").click()
    expect(page.locator(".told .reach")).to_have_text(f"Lectures: {videos} as they are")


def test_a_batch_is_closed_to_all_but_the_enrolled_by_a_switch(desk: Desk, editor: Open) -> None:
    batch, slug, path = desk.live.sql("""SELECT b.id, b.slug, '/videos/' || v.slug || '/' FROM catalog.batch b JOIN catalog.video v
        ON v.batch_id = b.id JOIN catalog.source s ON s.video_id = v.id
        WHERE v.status = 'published' AND NOT b.gated ORDER BY v.id LIMIT 1""")[0]
    assert "Log in to watch" not in desk.reads(path)
    eve = editor()
    page = eve.opens(f"/desk/batches/#{batch}")
    page.get_by_label("Only for enrolled students").check()
    eve.saved()
    eve.publishes()
    desk.shows(path, "Log in to watch")
    desk.shows(f"/batches/{slug}/", "for those enrolled")
    page.get_by_role("button", name="Undo", exact=True).first.click()
    desk.shows(path, "Log in to watch", there=False)


def test_a_session_that_ended_loses_nothing_of_what_was_typed(desk: Desk, editor: Open) -> None:
    video, path = desk.lecture("Typed on")
    eve = editor()
    page = eve.opens(f"/desk/#{video}")
    expect(page.locator("#f-title")).to_have_value("Typed on")
    desk.live.sql("DELETE FROM student.session WHERE account_id = (SELECT id FROM student.account WHERE email = %s)", eve.email)
    page.locator("#f-title").fill("Typed on, through a log-in")
    eve.logs_in()
    eve.saved()
    eve.publishes()
    assert "Typed on, through a log-in" in desk.reads(path)


def test_what_was_typed_is_there_after_a_reload_and_discarded_by_a_deed(desk: Desk, editor: Open) -> None:
    video, _ = desk.lecture("A draft stays")
    eve = editor()
    page = eve.opens(f"/desk/#{video}")
    page.locator("#f-title").fill("A draft stays, changed")
    eve.saved()
    page.reload()
    expect(page.locator("#f-title")).to_have_value("A draft stays, changed")
    page.get_by_role("button", name="Discard the draft").click()
    expect(page.locator("#f-title")).to_have_value("A draft stays")


def test_what_is_wrong_is_said_at_the_top_and_beside_the_field(desk: Desk, editor: Open) -> None:
    video, _ = desk.lecture("With a fault")
    eve = editor()
    page = eve.opens(f"/desk/#{video}")
    page.locator("#f-picture_url").fill("no address")
    eve.saved()
    page.locator(".publish .strong").click()
    expect(page.locator(".thing > .errors")).to_be_focused()
    expect(page.locator("#f-picture_url-error")).to_contain_text("https://")
    expect(page.locator("#f-picture_url")).to_have_value("no address")
    page.locator(".thing > .errors a").click()
    expect(page.locator("#f-picture_url")).to_be_focused()


def test_a_lecture_is_found_edited_and_published_by_keys_alone(desk: Desk, editor: Open) -> None:
    _, path = desk.lecture("Only keys here")
    eve = editor()
    page = eve.opens("/desk/")
    expect(page.locator(".things a").first).to_be_visible()
    keys = page.keyboard
    keys.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_contain_text("Publish")
    keys.press("Escape")
    keys.press("/")
    keys.type("Only keys")
    expect(page.locator(".things a")).to_have_count(1)
    page.locator("#q").press("Tab")
    keys.press("j")
    keys.press("Enter")
    expect(page.locator("#thing-title")).to_be_focused()
    for _ in range(60):
        keys.press("Tab")
        if page.evaluate("document.activeElement.id") == "f-title":
            break
    keys.press("End")
    keys.type(", and edited")
    eve.saved()
    keys.press("Control+Enter")
    eve.sees_it_live()
    assert "Only keys here, and edited" in desk.reads(path)


def test_several_are_published_and_two_merged_and_all_of_it_undone_by_keys_alone(desk: Desk, editor: Open) -> None:
    ids = [desk.lecture(f"By keys at once {n}", status="draft")[0] for n in (1, 2)]
    desk.live.sql("INSERT INTO catalog.instructor (slug, name) VALUES ('ann-keyes', 'Ann Keyes'), ('keyes-ann', 'Keyes, Ann')")
    eve = editor()
    page = eve.opens("/desk/")
    expect(page.locator(".things a").first).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("By keys at once")
    expect(page.locator(".things a")).to_have_count(2)
    eve.tabs_to(page.get_by_label("Select all shown"))
    page.keyboard.press("Space")
    eve.presses("Publish 2")
    eve.sees_it_live()
    statuses = "SELECT array_agg(DISTINCT status) FROM catalog.video WHERE id = ANY(%s)"
    assert desk.one(statuses, ids) == ["published"]
    eve.presses("Undo")
    expect(page.locator(".done-head")).to_contain_text("Saved")
    assert desk.one(statuses, ids) == ["draft"]
    eve.opens("/desk/instructors/?q=Keyes")
    for name in ("Ann Keyes", "Keyes, Ann"):
        eve.tabs_to(page.get_by_label(f"Select {name}"))
        page.keyboard.press("Space")
        expect(page.get_by_label(f"Select {name}")).to_be_focused()
    eve.presses("Merge the two …")
    expect(page.get_by_role("dialog").locator(".reach")).to_be_visible()
    eve.presses("Merge")
    expect(page.locator(".done-head")).to_contain_text("Merged")
    keyes = "SELECT count(*) FROM catalog.instructor WHERE name LIKE '%Keyes%'"
    assert desk.one(keyes) == 1
    eve.presses("Undo")
    desk.eventually(lambda: desk.one(keyes) == 2)


def test_a_lecture_is_scheduled_a_conflict_settled_and_each_undone_by_keys_alone(desk: Desk, editor: Open) -> None:
    video, _ = desk.lecture("Settled by keys", status="draft")
    eve = editor()
    page = eve.opens(f"/desk/#{video}")
    expect(page.locator("#thing-title")).to_be_focused()
    eve.presses("Schedule …")
    expect(page.get_by_role("dialog").get_by_label("Publish at")).to_be_focused()
    page.keyboard.press("Enter")  # the next full hour is proposed
    expect(page.locator(".thing-head .pill")).to_have_text("scheduled")
    eve.presses("Undo")
    expect(page.locator(".thing-head .pill")).to_have_text("draft")
    eve.tabs_to(page.locator("#f-title"))
    page.keyboard.press("End")
    page.keyboard.type(", by me")
    eve.tabs_to(page.locator("#f-licence"))
    page.keyboard.type("CC BY 4.0")
    eve.saved()
    desk.live.sql("UPDATE catalog.video SET title = 'Settled by another' WHERE id = %s", video)
    page.keyboard.press("Control+Enter")
    box = page.get_by_role("dialog", name="Somebody else changed this")
    expect(box).to_contain_text("Settled by another")
    eve.tabs_to(box.locator("input[name=c-title][value=yours]"))
    page.keyboard.press("ArrowLeft")
    expect(box.locator("input[name=c-title][value=theirs]")).to_be_checked()
    eve.presses("Go on with these")
    expect(page.locator("#f-title")).to_have_value("Settled by another")
    eve.saved()
    page.keyboard.press("Control+Enter")
    eve.sees_it_live()
    assert desk.live.sql("SELECT title, licence, status FROM catalog.video WHERE id = %s", video) == [
        ("Settled by another", "CC BY 4.0", "published")]
    eve.presses("Undo")
    desk.eventually(lambda: desk.one("SELECT licence || status FROM catalog.video WHERE id = %s", video) == "draft")


def test_a_page_that_could_not_be_rendered_is_said_wherever_an_editor_looks(desk: Desk, editor: Open) -> None:
    video, path = desk.lecture("Not to be rendered")
    release = desk.one("SELECT max(number) FROM live.release WHERE state = 'live'")
    why = "UndefinedError: 'nothing' is undefined"
    desk.live.sql("INSERT INTO live.set_aside (unit, path, kind, why, release) VALUES (%s, %s, 'video', %s, %s)",
                  video << 8 | 1, path, why, release)  # as a release notes it, and the next one tries it again
    eve = editor()
    page = eve.opens("/desk/health/")
    for text in (path, why, "The old page stays."):
        expect(page.locator(".failed")).to_contain_text(text)
    eve.opens("/desk/releases/")
    page.get_by_role("button", name=f"The way of release {release}", exact=True).click()
    expect(page.locator(".way-head")).to_have_text("It is live, but not all pages could be rendered.")
    expect(page.locator(".result .failed")).to_contain_text(path)
    eve.opens("/desk/")
    page.get_by_label("Status").select_option("aside")
    expect(page.locator(".things a")).to_have_count(1)
    expect(page.locator(".things .pill.aside")).to_have_text("set aside")
    page.locator(".things a").click()
    page.locator("#f-title").fill("Rendered after all")
    eve.saved()
    eve.publishes()
    eve.opens("/desk/health/")
    expect(page.locator(".failed")).to_have_count(0)
    expect(page.get_by_text("None.").first).to_be_visible()


def test_nobody_but_editors_sees_anything(desk: Desk, editor: Open, browser: Browser) -> None:
    video, _ = desk.lecture("Secret draft", status="draft")
    sam = editor("Sam", "student")
    page = sam.context.new_page()
    page.goto(f"/desk/#{video}")
    sam.page = page
    sam.logs_in()
    expect(page.get_by_text("The desk is for editors.")).to_be_visible()
    assert "Secret draft" not in page.content()
    titles = [title for (title,) in desk.live.sql("SELECT title FROM catalog.video UNION SELECT title FROM catalog.batch")]
    for path in ("", "batches/", "courses/", "subjects/", "instructors/", "history/", "releases/", "files/", "health/"):
        shown = desk.reads(f"/desk/{path}")
        assert '<meta name="robots" content="noindex">' in shown
        assert not any(title in shown for title in titles)
    assert "/desk/" not in desk.reads("/sitemap.xml") + desk.reads("/")


LURE = '<a href="javascript:alert(1)" onclick="alert(1)">click</a><svg onload=alert(1)>'
ODD = "https://x.example/?'onclick='alert(1)'"
HOSTILE = '"><img src=x onerror="document.title=\'taken\'"><script>document.title="taken"</script>\'{{7*7}}'


def test_what_hostile_editors_write_runs_nowhere(desk: Desk, editor: Open) -> None:
    mallory = editor(HOSTILE[:80])
    page = mallory.opens("/desk/")
    named, told = {"title": HOSTILE, "slug": "hostile"}, {"description": HOSTILE + LURE, "description_markup": "html"}
    course = mallory.makes("course", **named, **told)
    batch = mallory.makes("batch", **named, **told, course=course, url=ODD)
    for kind in ("subject", "instructor"):
        mallory.makes(kind, **named)
    video = mallory.makes(
        "video", title="Hostile", slug="hostile", batch=batch, picture_url=ODD, sources=[{"kind": "link", "url": ODD}],
        captions=[{"language": "en", "kind": "captions", "body": f"WEBVTT\n\n00:00.000 --> 00:09.000\n{HOSTILE}\n"},
                  {"language": "hi", "kind": "transcript", "body": HOSTILE}])
    mallory.opens(f"/desk/#{video}")
    page.locator("#f-title").fill(HOSTILE)
    for field in ("instructors", "subjects"):
        page.locator(f"#f-{field}").fill("onerror")
        page.locator(f"[data-field={field}] .options li").first.click()
    page.locator("#f-description_markup").select_option("html")
    page.locator("#f-description").fill(HOSTILE + LURE)
    page.locator("#f-licence").fill(HOSTILE)
    page.get_by_role("button", name="Add a resource").click()
    page.locator("#f-resources-0-label").fill(HOSTILE)
    page.locator("#f-resources-0-url").fill("https://x.example/?q=%22onerror=1")
    expect(page.locator(".shown-as")).to_contain_text("click")
    mallory.saved()
    mallory.publishes()
    for place in ("", "batches/", "courses/", "subjects/", "instructors/"):
        mallory.opens(f"/desk/{place}?q=onerror")
        expect(page.locator(".things a").first).to_be_visible()
        page.locator(".things a").first.click()
        expect(page.locator("#f-title")).to_have_value(HOSTILE)
        expect(page.locator(".past .history, .past .empty")).to_be_visible()
        assert mallory.harmless(), place
    mallory.opens("/desk/history/")
    page.locator("summary").first.click()
    assert mallory.harmless()
    own = [f"/{folder}/hostile/" for folder in ("courses", "batches", "subjects", "instructors", "videos")]
    for path in (*own, "/", "/courses/", "/batches/", "/subjects/", "/instructors/", "/videos/", "/search/?q=onerror"):
        page.goto(path)
        if path in own:
            expect(page.locator("h1")).to_contain_text(HOSTILE)  # as it was written, and as text
        for island in page.locator('script[type="application/ld+json"]').all_text_contents():
            json.loads(island)
        assert mallory.harmless(), path
    page.goto(own[-1])
    expect(page.locator(".transcript a")).to_contain_text("{{7*7}}")
    files = [one.get_attribute("href") or "" for one in page.locator(".links a:not([rel])").all()]
    files += page.locator("template.tracks").evaluate("(one) => [...one.content.children].map((track) => track.getAttribute('src'))")
    assert len(files) == 2
    for file in files:
        seen = page.request.get(file)
        assert seen.headers["content-type"].partition(";")[0] in ("text/plain", "text/vtt"), file
        assert seen.headers["x-content-type-options"] == "nosniff"


def test_axe_finds_nothing_in_either_theme(desk: Desk, editor: Open) -> None:
    ada = editor("Ada", "admin", viewport={"width": 1280, "height": 900})
    video, _ = desk.lecture("For everybody", status="draft")
    page = ada.opens(f"/desk/#{video}")
    page.locator("#f-title").fill("For everybody, changed")
    page.get_by_role("button", name="Add a recording").click()
    page.get_by_role("button", name="Add a resource").click()
    page.get_by_role("button", name="Add captions").click()
    page.locator("#f-subjects").fill("a")
    expect(page.locator(".options li").first).to_be_visible()
    found = ada.axe()
    page.keyboard.press("Escape")
    ada.saved()
    for place in ("batches", "courses", "subjects", "instructors", "history", "releases", "files", "health"):
        ada.opens(f"/desk/{place}/")
        expect(page.locator(".things a, .part, .history, .empty, tbody td, .facts-of").first).to_be_visible()
        if page.locator(".things a").count():
            page.locator(".things a").first.click()
            expect(page.locator("#f-title")).to_be_visible()
        found += ada.axe()
    page.keyboard.press("?")
    assert found + ada.axe() == []


def test_axe_finds_nothing_in_any_dialog(desk: Desk, editor: Open) -> None:
    ada = editor("Ada", "admin", viewport={"width": 1280, "height": 900})
    ada.page.goto("/desk/")
    box = ada.page.get_by_role("dialog")
    expect(box).to_contain_text("Log in")
    found = ada.axe()
    ada.logs_in()
    video, _ = desk.lecture("With dialogs", status="draft")
    page = ada.opens(f"/desk/#{video}")
    page.get_by_role("button", name="Schedule …").click()
    expect(box).to_contain_text("Schedule this lecture")
    found += ada.axe()
    page.keyboard.press("Escape")
    page.locator(".more summary").click()
    for deed in ("Delete …", "Take down for good …"):
        page.get_by_role("button", name=deed).click()
        expect(box).to_be_visible()
        found += ada.axe()
        page.keyboard.press("Escape")
    page.locator("#f-title").fill("With dialogs, by Ada")
    ada.saved()
    desk.live.sql("UPDATE catalog.video SET title = 'With dialogs, by another' WHERE id = %s", video)
    page.locator(".publish .strong").click()
    expect(box).to_contain_text("by another")
    found += ada.axe()
    page.keyboard.press("Escape")
    ada.opens("/desk/subjects/")
    for n in (0, 1):
        page.locator(".things input").nth(n).check()
    page.get_by_role("button", name="Merge the two").click()
    expect(box.locator(".reach")).to_be_visible()
    assert found + ada.axe() == []


def test_the_whole_desk_weighs_less_than_100_kb(desk: Desk, editor: Open) -> None:
    eve = editor()
    sizes: list[int] = []
    eve.page.on("requestfinished", lambda request: sizes.append(request.sizes()["responseBodySize"])
                if not request.url.startswith(f"{desk.edge.url}/api/") else None)
    eve.opens("/desk/")
    expect(eve.page.locator(".things a").first).to_be_visible()
    assert 10_000 < sum(sizes) < 100_000
