"""The Jinja2 environment: autoescaped, strict, and compiled to the plainest code.

What is ours: escaped text leaves as plain strings, since a Markup object for each of fifty values a
page is a fifth of a build; a run of text and values is joined once, where it stands; ``a.b`` and
``f(x)`` compile to just that, since contexts are slotted values, never dicts. All of it by Jinja2's own
extension point for compilers, ``code_generator_class``, as its native environment does.
"""
from __future__ import annotations

import re
from collections.abc import Callable, MutableMapping
from functools import lru_cache
from pathlib import Path
from types import CodeType
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.bccache import Bucket
from jinja2.compiler import CodeGenerator, Frame
from jinja2.ext import InternationalizationExtension
from jinja2.visitor import NodeTransformer
from markupsafe import Markup, escape

from builder.assets import Assets
from builder.catalog.picture import srcset
from builder.pages.page import Site
from builder.pages.words import TURNING, clock, noon, text_lang, unturned
from edge.address import segment
from edge.language import Language

TEMPLATES = Path(__file__).resolve().parents[1] / "templates"


_special = re.compile(f"[&<>\"'{TURNING}]").search  # most have none, and asking is a third of escaping


@lru_cache(16_384)
def escape_string(value: str) -> str:
    """A string with ``&<>"'`` escaped and no direction left open, as a plain string."""
    return str.__str__(escape(unturned(value))) if _special(value) else value


def escape_text(value: Any) -> str:
    """Any value as HTML text; Markup stays as it is. Raises UndefinedError for what is not there."""
    if type(value) is str:
        return escape_string(value)
    if type(value) is Markup:
        return value
    if type(value) is int:
        return str(value)
    return str(escape(value))


class PlainCodeGenerator(CodeGenerator):
    """Compiles templates to the code one would write by hand."""

    def visit_Output(self, node: nodes.Output, frame: Frame) -> None:
        """One string for a run of text and values, where Jinja2 yields each through every level of inheritance."""
        if frame.buffer is not None or len(node.nodes) < 2:
            super().visit_Output(node, frame)
            return
        pieces = self.temporary_identifier()
        self.writeline(f"{pieces} = []")
        inner = frame.copy()
        inner.buffer = pieces
        super().visit_Output(node, inner)
        self.writeline(f"yield ''.join({pieces})")

    def _output_child_pre(self, node: nodes.Expr, frame: Frame, finalize: CodeGenerator._FinalizeInfo) -> None:
        if frame.eval_ctx.volatile or not frame.eval_ctx.autoescape or finalize.src is not None:
            super()._output_child_pre(node, frame, finalize)
        else:
            self.write("environment.escape_text(")

    def visit_Getattr(self, node: nodes.Getattr, frame: Frame) -> None:
        self.write("(")
        self.visit(node.node, frame)
        self.write(f").{node.attr}")

    def visit_Call(self, node: nodes.Call, frame: Frame, forward_caller: bool = False) -> None:
        """A call is a call: nothing that our templates call asks for Jinja2's context."""
        if forward_caller or node.dyn_args is not None or node.dyn_kwargs is not None:
            super().visit_Call(node, frame, forward_caller)
            return
        self.write("(")
        self.visit(node.node, frame)
        self.write(")(")
        for argument in (*node.args, *node.kwargs):
            self.visit(argument, frame)
            self.write(", ")
        self.write(")")


class Messages(InternationalizationExtension):
    """``{% trans %}`` in the site's language as if it had been written so: looked up when a template is read, never per page."""

    def _make_node(  # type: ignore[override]  # one node or another, where Jinja2 makes Output alone
            self, singular: str, plural: str | None, context: str | None, variables: dict[str, nodes.Expr],
            plural_expr: nodes.Expr | None, vars_referenced: bool, num_called_num: bool) -> nodes.Node:
        words: Language = self.environment.words  # type: ignore[attr-defined]
        is_text = "<" not in singular  # then it may stand in an attribute, whatever a translator wrote
        if plural is None or plural_expr is None:
            return self._output(words.gettext(singular), is_text, variables)
        (count, *_) = (name for name, value in variables.items() if value is plural_expr)
        variables = variables | {count: nodes.Filter(plural_expr, "number", [], [], None, None)}
        *others, node = [self._output(form, is_text, variables) for form in words.forms(singular, plural)]
        form = nodes.Filter(plural_expr, "form", [], [], None, None)
        for number, output in reversed(list(enumerate(others))):
            node = nodes.If(nodes.Compare(form, [nodes.Operand("eq", nodes.Const(number))]), [output], [], [node])
        return node

    def _output(self, message: str, is_text: bool, variables: dict[str, nodes.Expr]) -> nodes.Node:
        pieces: list[nodes.Expr] = []
        for n, piece in enumerate(_VARIABLE.split(message)):
            if n % 2:
                pieces.append(variables[piece])
            elif piece:
                text = piece.replace("%%", "%")
                pieces.append(nodes.TemplateData(str(escape(text)) if is_text else text))
        return nodes.Output(pieces)


_VARIABLE = re.compile(r"%\((\w+)\)s")


class _Said(NodeTransformer):
    """``_("…")`` becomes its translation."""

    def __init__(self, words: Language) -> None:
        self._words = words

    def visit_Call(self, node: nodes.Call) -> nodes.Node:
        if not isinstance(node.node, nodes.Name) or node.node.name != "_":
            return self.generic_visit(node)
        if len(node.args) != 1 or not isinstance(node.args[0], nodes.Const) or node.kwargs:
            raise jinja2.TemplateSyntaxError('_("…") takes one literal text; values go into {% trans %}', node.lineno)
        return nodes.Const(self._words.gettext(node.args[0].value), lineno=node.lineno)


class Environment(jinja2.Environment):
    """Jinja2 as Lectern's templates are written for it, in one language."""

    code_generator_class = PlainCodeGenerator
    escape_text = staticmethod(escape_text)

    def __init__(self, words: Language, **options: Any) -> None:
        self.words = words
        super().__init__(extensions=[Messages], **options)
        self.policies["ext.i18n.trimmed"] = True

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree: nodes.Template = _Said(self.words).visit(super()._parse(source, name, filename))
        return tree

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        """One dict for all templates, where Jinja2 chains two maps that every name is then looked up through."""
        return {**self.globals, **d} if d else self.globals


class _Compiled(jinja2.BytecodeCache):
    """The code of templates, by their name and text: the next environment compiles only what was edited meanwhile."""

    def __init__(self) -> None:
        self._code: dict[tuple[str, str], CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """See BytecodeCache."""
        bucket.code = self._code.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        """See BytecodeCache."""
        if bucket.code is not None:
            self._code[bucket.key, bucket.checksum] = bucket.code


@lru_cache(8)
def _compiled_in(words: Language) -> _Compiled:
    """What this process has compiled for a language, whose messages stand in the code."""
    return _Compiled()


def environment(assets: Assets, site: Site) -> Environment:
    """The environment of one site: its settings and its assets' addresses are globals.

    `card` and `entry` are filled by the renderer, which keeps what they return: one video's card stands on dozens of pages.
    """
    words = site.words
    env = Environment(
        words, loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=False, auto_reload=False, cache_size=-1,
        bytecode_cache=_compiled_in(words),
    )
    env.filters |= {
        "segment": segment, "minutes": words.minutes, "clock": clock, "long_date": words.long_date, "noon": noon,
        "number": words.number, "form": words.form, "language_name": words.language_name, "iso": lambda day: day.isoformat() if day else "",
        "text_lang": text_lang, "hue": hue, "xml": xml_text, "srcset": srcset,
    }
    env.globals |= {"site": site, "dir": words.dir, "asset": assets.path}
    # Same on every page: rendered once.
    frame: Any = env.get_template("frame.html").module
    env.globals |= {"header": _by_section(frame.header), "footer": Markup(frame.footer())}
    return env


def _by_section(macro: Callable[[str], str]) -> Callable[[str], str]:
    return lru_cache(None)(lambda section: Markup(macro(section)))


def hue(id: int) -> int:
    """A quiet pattern's hue, one of 36, the same each time."""
    return id * 137 % 36


def xml_text(text: str) -> str:
    """Text without what XML 1.0 forbids even when escaped (section 2.2)."""
    return text.translate(_FORBIDDEN) if not text.isprintable() else text


_FORBIDDEN = dict.fromkeys([*(c for c in range(32) if c not in (9, 10, 13)), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF])
