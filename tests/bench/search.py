#!/usr/bin/env python3
"""What a query finds, loads and takes: by the site's own search page in Chromium over the whole catalog, built, with an origin on
this machine; without a catalog, by its scripts alone, run by Node, over the kept titles of 8,524 lectures.

usage: python -m tests.bench.search [--catalog DIR]
"""
from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from playwright.sync_api import Browser

from builder.embedded import ensure
from builder.migrate import migrate
from tests.bench.build import LECTERN
from tests.bench.measure import Row, report, row, run
from tests.search.library import HERE, ask, talks, write
from tests.web.serving import launched, served

QUERY_KB, QUERY_MS = 150, 100
TURNS = 3
ALL_BUT = 2  # questions that may go unanswered

_TYPE = """(query) => new Promise((done) => {
    const list = document.getElementById("hits"), said = document.getElementById("found");
    const field = document.querySelector("form.search[data-page]").elements.q;
    const begun = performance.now();
    const seen = new MutationObserver(() => {
        if (!said.textContent) return;
        seen.disconnect();
        done({ms: performance.now() - begun, titles: [...list.querySelectorAll(".t")].slice(0, 5).map((one) => one.textContent)});
    });
    seen.observe(said, {childList: true, characterData: true, subtree: true});
    field.value = query;
    field.dispatchEvent(new Event("input", {bubbles: true}));
})"""


class Answer(NamedTuple):
    titles: list[str]  # the first five
    ms: float  # from the last letter to the cards, the page's own pause for the next letter included
    kilobytes: float  # bodies and heads, as they came over the wire
    files: int


def main() -> None:
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("--catalog", type=Path, help="a catalog in the pyvideo layout")
    args = cli.parse_args()
    questions = json.loads((HERE / "questions.json").read_text("utf-8"))
    with tempfile.TemporaryDirectory(prefix="lectern-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        report("search" if args.catalog else "search-scripts",
               _page(folder, args.catalog, questions) if args.catalog else _scripts(folder, questions))


def _page(folder: Path, catalog: Path, questions: Sequence[tuple[str, str]]) -> list[Row]:
    with _site(folder, catalog) as url, launched() as browser:
        turns = [[_typed(browser, url, question) for question, _ in questions] for _ in range(TURNS)]
    right = sum(any(wanted in title for title in answer.titles) for (_, wanted), answer in zip(questions, turns[0], strict=True))
    return _rows(right, len(questions), [answer.kilobytes for answer in turns[0]], [answer.files for answer in turns[0]],
                 [statistics.median(answers) for answers in zip(*[[answer.ms for answer in turn] for turn in turns], strict=True)],
                 "from the last letter to the cards, in Chromium")


@contextmanager
def _site(folder: Path, catalog: Path) -> Iterator[str]:
    """The catalog, built and served; yields its URL."""
    with ensure(folder / "database", keeper=True) as server:
        migrate(server.dsn)
        with served(server.dsn, folder) as site:
            env = os.environ | {"DATABASE_URL": server.dsn, "LECTERN_DATA": str(folder), "LECTERN_BASE_URL": site.url,
                                "LECTERN_STORE": f"sqlite:///{site.file}"}
            run([*LECTERN, "import", catalog], env=env, memory=False)
            run([*LECTERN, "build"], env=env, memory=False)
            yield site.url


def _typed(browser: Browser, url: str, question: str) -> Answer:
    """One who comes to the search page for the first time and types."""
    context = browser.new_context(service_workers="block")
    page = context.new_page()
    page.goto(f"{url}/search/", wait_until="networkidle")
    session, loaded = context.new_cdp_session(page), list[float]()
    session.send("Network.enable")
    session.on("Network.loadingFinished", lambda event: loaded.append(event["encodedDataLength"] / 1024))
    said: Any = page.evaluate(_TYPE, question)
    page.wait_for_load_state("networkidle")
    context.close()
    return Answer(said["titles"], said["ms"], sum(loaded), len(loaded))


def _scripts(folder: Path, questions: Sequence[tuple[str, str]]) -> list[Row]:
    titles = {words.id: words.title for words in talks()}
    write(folder)
    (answers, *_) = turns = ask(folder, *[{"find": [question for question, _ in questions]}] * TURNS)
    right = sum(any(wanted in titles[id] for id in answer["ids"][:5]) for (_, wanted), answer in zip(questions, answers, strict=True))
    return _rows(right, len(questions), [answer["bytes"] / 1024 for answer in answers], [answer["files"] for answer in answers],
                 [answer["ms"] for turn in turns[1:] for answer in turn],  # the first warms the interpreter
                 "from typed to found without the network")


def _rows(right: int, of: int, kilobytes: Sequence[float], files: Sequence[float], ms: Sequence[float], time: str) -> list[Row]:
    return [
        row(f"of {of} questions answered in the first five", "questions", [right], f"at least {of - ALL_BUT}",
            lambda ours, _: ours >= of - ALL_BUT),
        row("loaded for a query, median", "KB", [statistics.median(kilobytes)], "", lambda ours, _: True),
        row("loaded for a query, most", "KB", [max(kilobytes)], f"under {QUERY_KB} KB", lambda ours, _: ours < QUERY_KB),
        row("files of a query, most", "files", [max(files)], "", lambda ours, _: True),
        row(f"{time}, median", "ms", [statistics.median(ms)], f"under {QUERY_MS} ms", lambda ours, _: ours < QUERY_MS),
        row(f"{time}, most", "ms", [max(ms)], f"under {QUERY_MS} ms", lambda ours, _: ours < QUERY_MS)]


if __name__ == "__main__":
    main()
