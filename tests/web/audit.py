"""``make audit``: axe-core in both themes, the Nu HTML checker over a built site, Lighthouse on a phone: what they find, or nothing.

Exit code 0: nothing is wrong; 1: something is, and is printed; 2: a tool is missing, and which is printed. Asserted of
Lighthouse are 100 for accessibility, search engines and best practices; its performance, whose goal is 98, and the largest paint
are printed as the median of five, since they depend on the machine too.
"""
from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Browser

from builder.embedded import ensure
from builder.migrate import migrate
from tests.conftest import open_folder
from tests.site import text_of
from tests.web import showcase
from tests.web.axe import PATHS, violations
from tests.web.serving import Served, launched, served

_MODULES = Path(__file__).parent / "node_modules"
_JAR = _MODULES / "vnu-jar" / "build" / "dist" / "vnu.jar"
_LIGHTHOUSE = _MODULES / ".bin" / "lighthouse"
_MEASURED = {"home": "/", "batch": "/batches/mathematics-2024/", "video": "/videos/lecture-1/"}
_WHOLE = ("accessibility", "seo", "best-practices")
TURNS = 5
GOAL = 98
_THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


def missing() -> list[str]:
    """What is to be installed before this can run, a sentence each."""
    wanted = [(shutil.which("java"), "java is missing, which the Nu HTML checker runs on (Debian: apt install default-jre-headless)."),
              (shutil.which("chromium"), "chromium is missing (Debian: apt install chromium)."),
              (_JAR.is_file() and _LIGHTHOUSE.exists(), "The checkers are missing: run .ci/npm all.")]
    return [sentence for found, sentence in wanted if not found]


def axe(browser: Browser, url: str) -> list[str]:
    """What axe-core finds, a line each."""
    found = []
    for theme in _THEMES:
        for width in (360, 1280):
            context = browser.new_context(base_url=url, color_scheme=theme, viewport={"width": width, "height": 800})
            page = context.new_page()
            for kind, path in PATHS.items():
                page.goto(path)
                found += [f"axe: {kind}, {theme}, {width} px: {one}" for one in violations(page)]
            context.close()
    return found


def nu(site: Served, folder: Path) -> list[str]:
    """The errors of the Nu HTML checker over every page of *site*, a line each; pages are written below *folder*."""
    for path, thing in site.built.objects().items():
        if thing.content_type.startswith("text/html"):
            file = folder / (path.strip("/").replace("/", "__") or "home")
            file.with_suffix(".html").write_text(text_of(thing))
    done = subprocess.run(["java", "-jar", str(_JAR), "--errors-only", "--format", "json", str(folder)], capture_output=True, text=True)
    said: list[dict[str, Any]] = json.loads(done.stderr)["messages"]
    return [f"nu: {Path(one.get('url', '')).name}:{one.get('lastLine')}: {one['message']}" for one in said]


def lighthouse(url: str) -> tuple[dict[str, float], float, list[str]]:
    """The scores of a page by category (0 to 100), its largest paint in ms on a slow 4G phone, and which audits failed."""
    only = ",".join(("performance", *_WHOLE))
    done = subprocess.run(
        [str(_LIGHTHOUSE), url, "--output=json", "--quiet", f"--only-categories={only}",
         "--chrome-flags=--headless=new --no-sandbox --disable-gpu --disable-quic --disable-background-networking"],
        capture_output=True, text=True, env=os.environ | {"CHROME_PATH": shutil.which("chromium") or ""})
    if done.returncode:
        raise RuntimeError(f"Lighthouse failed at {url}: {done.stderr[-800:]}")
    told: dict[str, Any] = json.loads(done.stdout)
    audits = told["audits"]
    weighed = [ref["id"] for name in _WHOLE for ref in told["categories"][name]["auditRefs"] if ref["weight"]]
    failed = [id for id in weighed if audits[id]["scoreDisplayMode"] == "binary" and (audits[id]["score"] or 0) < 1]
    scores = {name: 100.0 * (category["score"] or 0) for name, category in told["categories"].items()}
    return scores, float(audits["largest-contentful-paint"]["numericValue"]), failed


def main() -> int:
    """Run all of it."""
    if sentences := missing():
        print("\n".join(sentences), file=sys.stderr)
        return 2
    wrong: list[str] = []
    with open_folder("lectern-audit-") as data, ensure(data, keeper=True) as server:
        migrate(server.dsn)
        with served(server.dsn, data) as site:
            showcase.fill(site)
            site.build()
            pages = data / "pages"
            pages.mkdir()
            wrong += nu(site, pages)
            print(f"Nu HTML checker: {len(list(pages.iterdir()))} pages, {len(wrong)} errors")
            with launched() as browser:
                found = axe(browser, site.url)
            print(f"axe-core: {len(PATHS)} page kinds, two themes, two widths, {len(found)} violations")
            wrong += found
            for name, path in _MEASURED.items():
                turns = [lighthouse(site.url + path) for _ in range(TURNS)]
                speed, paint = (statistics.median(values) for values in ([t[0]["performance"] for t in turns], [t[1] for t in turns]))
                print(f"Lighthouse, {name}: performance {speed:.0f} (goal {GOAL}), largest paint {paint / 1000:.2f} s on slow 4G")
                scores, _, failed = turns[-1]
                wrong += [f"Lighthouse, {name}: {kind} {scores[kind]:.0f}: {failed}" for kind in _WHOLE if scores[kind] < 100]
    print("\n".join(wrong) or "Nothing is wrong.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
