#!/usr/bin/env python3
"""What a query finds, loads and takes: the site's own search over the kept catalog of 8,524 lectures, run by Node.

usage: python -m tests.bench.search
"""
from __future__ import annotations

import json
import statistics
import tempfile
from pathlib import Path

from tests.bench.measure import report, row
from tests.search.library import HERE, ask, talks, write

QUERY_KB, QUERY_MS = 150, 100
TURNS = 3


def main() -> None:
    questions = json.loads((HERE / "questions.json").read_text("utf-8"))
    titles = {words.id: words.title for words in talks()}
    with tempfile.TemporaryDirectory(prefix="lectern-bench-") as folder:
        write(Path(folder))
        (answers, *_) = turns = ask(Path(folder), *[{"find": [question for question, _ in questions]}] * TURNS)
    right = sum(any(wanted in titles[id] for id in answer["ids"][:5]) for (_, wanted), answer in zip(questions, answers, strict=True))
    times = [answer["ms"] for turn in turns[1:] for answer in turn]  # the first warms the interpreter
    kilobytes = [answer["bytes"] / 1024 for answer in answers]
    report("search", [
        row(f"of {len(questions)} questions answered in the first five", "questions", [right], f"at least {len(questions) - 2}",
            lambda ours, _: ours >= len(questions) - 2),
        row("loaded for a query, median", "KB", [statistics.median(kilobytes)], "", lambda ours, _: True),
        row("loaded for a query, most", "KB", [max(kilobytes)], f"under {QUERY_KB} KB", lambda ours, _: ours < QUERY_KB),
        row("files of a query, most", "files", [max(answer["files"] for answer in answers)], "", lambda ours, _: True),
        row("from typed to found without the network, median", "ms", [statistics.median(times)], f"under {QUERY_MS} ms",
            lambda ours, _: ours < QUERY_MS),
        row("from typed to found without the network, most", "ms", [max(times)], f"under {QUERY_MS} ms", lambda ours, _: ours < QUERY_MS)])


if __name__ == "__main__":
    main()
