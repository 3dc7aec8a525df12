"""Which markup a field is written in: shapes of real fields, each with the kind that its reader meant."""
from __future__ import annotations

import pytest

from builder.catalog.text import clean, detect_markup


@pytest.mark.parametrize(("source", "kind"), [
    ("One sentence, nothing more.", "plain"),
    ("Two paragraphs.\n\nThe second of them.", "plain"),
    ("A talk about __init__ and snake_case names.", "plain"),
    ("Costs 5 * 3 or 2 ** 8, and a_b * c_d.", "plain"),
    ("Don't `worry", "plain"),
    ("C# and F#, #python", "plain"),
    ("See https://e.example/a_b_c for more.", "plain"),
    ("1 < 2 and a > b", "plain"),
    ("(00:00) Start\n(05:20) Middle", "plain"),
    ("पाइथन के बारे में", "plain"),
    ("Slides at `e.example <https://e.example/>`_.", "rst"),
    ("Slides at `e.example <https://e.example/>`__.", "rst"),
    ("Use ``len`` on it.", "rst"),
    ("Title\n=====\n\nText", "rst"),
    ("Example::\n\n    code", "rst"),
    (".. code-block:: python\n\n    x = 1", "rst"),
    ("| line\n| block", "rst"),
    ("Reading [1]_.\n\n.. [1] A book", "rst"),
    (":math:`x^2` is shown", "rst"),
    (":Level: beginner\n\nText", "rst"),
    ("\\* Design\n\\* Code", "rst"),
    ("-  one\n-  two", "rst"),
    ("[slides](https://e.example/)", "markdown"),
    ("## Outline\n\nText", "markdown"),
    ("```python\nx = 1\n```", "markdown"),
    ("It is **very** good", "markdown"),
    ("* one\n* two\n* three", "markdown"),
    ("> a quote\n\nand an answer", "markdown"),
    ("![picture](https://e.example/x.png)", "markdown"),
    ("<https://e.example/>", "markdown"),
    ("<p>One &amp; two</p>", "html"),
    ("Go to <a href=\"https://e.example\">e</a> now", "html"),
    ("One<br>two<br/>three", "html"),
    ("<ul><li>a</li></ul>", "html"),
])
def test_a_field_is_taken_for_what_it_is(source: str, kind: str) -> None:
    assert detect_markup(source) == kind
    assert clean(source, kind).note == ""


def test_escapes_of_one_markup_are_not_shown_by_it() -> None:
    assert "\\" not in clean("`a\\_b <https://e.example/a\\_b>`_ and snake\\_case", "rst").html
    assert 'href="https://e.example/a_b"' in clean("`a\\_b <https://e.example/a\\_b>`_", "rst").html
