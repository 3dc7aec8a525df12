"""reStructuredText to HTML by docutils, with one publisher kept and everything that reaches outside shut off."""
from __future__ import annotations

import re
from html import unescape
from typing import Any, cast

from docutils import nodes, utils
from docutils.core import Publisher
from docutils.io import NullOutput, StringInput
from docutils.parsers.rst import Directive, directives
from docutils.parsers.rst import Parser as RstParser
from docutils.readers.standalone import Reader
from docutils.writers.html5_polyglot import HTMLTranslator, Writer

_ERROR = 3  # docutils' level from which on something of the text would be missing
# No file, no network, no clock, no configuration of whoever runs it, nothing of the text taken for metadata.
_SETTINGS = {
    "_disable_config": True, "file_insertion_enabled": False, "raw_enabled": False, "halt_level": 6, "report_level": 5,
    "warning_stream": False, "traceback": False, "input_encoding": "unicode", "output_encoding": "unicode",
    "doctitle_xform": False, "docinfo_xform": False, "sectsubtitle_xform": False, "sectnum_xform": False,
    "toc_backlinks": False, "footnote_references": "brackets", "smart_quotes": False, "syntax_highlight": "none",
    "math_output": "LaTeX", "cloak_email_addresses": False, "embed_stylesheet": False, "stylesheet_path": "",
    "initial_header_level": 3, "line_length_limit": 10_000, "datestamp": None, "generator": None, "source_link": None,
    "record_dependencies": None, "id_prefix": "", "strip_comments": False, "language_code": "en",
}
# Directives that need more than the text, or would hide or repeat some of it.
_SHUT = ("include", "date", "meta", "title", "contents", "sectnum", "section-numbering", "header", "footer", "target-notes",
         "restructuredtext-test-directive", "default-role", "role")
_TAG = re.compile(r"<[^>]*>")
_publisher: Publisher | None = None


class Unreadable(Exception):
    """The text is no reStructuredText that can be followed; the message says why, for a report."""


def body(text: str) -> str:
    """The HTML of *text*, not sanitised. Raises Unreadable for what docutils calls an error, or breaks at."""
    publisher = _publisher or _open()
    first: list[str] = []

    def heard(message: nodes.system_message) -> None:
        if message["level"] >= _ERROR and not first:
            first.append(f"line {message.get('line', '?')}: {message.children[0].astext() if message.children else ''}")

    try:
        publisher.reader.source = StringInput(source=text)
        publisher.reader.parser = publisher.parser
        publisher.reader.settings = cast(Any, publisher.settings)
        publisher.reader.input = text
        document = utils.new_document("text", cast(Any, publisher.settings))
        document.reporter.attach_observer(heard)
        publisher.reader.document = document
        publisher.parser.parse(text, document)
        document.current_source = document.current_line = None
        document.transformer.populate_from_components((publisher.reader, publisher.parser, publisher.writer))
        document.transformer.apply_transforms()
        if first:
            raise Unreadable(f"no reStructuredText: {' '.join(first[0].split())[:160]}")
        visitor = _Translator(document)
        document.walkabout(visitor)
    except Unreadable:
        raise
    except Exception as fault:  # docutils breaks in many ways on texts that were never meant for it
        raise Unreadable(f"no reStructuredText: docutils gave up with {type(fault).__name__}") from fault
    return "".join(visitor.body)


class _Shut(Directive):
    has_content = True
    optional_arguments = 99

    def run(self) -> list[nodes.Node]:
        raise self.error(f'the directive "{self.name}" is shut off here')


class _RawWords(Directive):
    """``raw``: only its words, since its tags may open in one directive and close in another."""

    has_content = True
    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        words = unescape(_TAG.sub(" ", "\n".join(self.content))).strip()
        return [nodes.paragraph(words, words)] if words else []


class _Translator(HTMLTranslator):
    def visit_literal(self, node: nodes.literal) -> None:
        self.body.append(f"<code>{self.encode(node.astext())}</code>")
        raise nodes.SkipNode

    def visit_comment(self, node: nodes.comment, sub: Any = None) -> None:
        """Most comments here are directives with a slip in them, so their words are shown."""
        words = node.astext()
        tag = "pre" if "\n" in words else "p"
        if words.strip():
            self.body.append(f"<{tag}>{self.encode(words)}</{tag}>\n")
        raise nodes.SkipNode


def _open() -> Publisher:
    global _publisher
    for name in _SHUT:
        directives.register_directive(name, _Shut)
    directives.register_directive("raw", _RawWords)
    publisher: Any = Publisher(Reader(), RstParser(), Writer(), destination_class=NullOutput)
    publisher.process_programmatic_settings(None, _SETTINGS, None)
    _publisher = publisher
    return cast(Publisher, publisher)
