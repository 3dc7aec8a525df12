"""The mutants of a module: its source with one mistake in it, as cosmic-ray makes them."""
from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

from tests.mutants.modules import ROOT, Module

_OPERATORS = re.compile(r"""core/(
    AddNot | NumberReplacer | ReplaceTrueWithFalse | ReplaceFalseWithTrue | ReplaceAndWithOr | ReplaceOrWithAnd
    | ReplaceBreakWithContinue | ReplaceContinueWithBreak | ReplaceUnaryOperator_\w+ | ZeroIterationForLoop | ExceptionReplacer
    | RemoveDecorator | ReplaceComparisonOperator_(
        Eq_NotEq | NotEq_Eq | Lt_LtE | Lt_GtE | LtE_Lt | LtE_Gt | Gt_GtE | Gt_LtE | GtE_Gt | GtE_Lt | Is_IsNot | IsNot_Is)
    | ReplaceBinaryOperator_(
        Add_Sub | Sub_Add | Mul_Add | Div_Mul | FloorDiv_Mul | Mod_FloorDiv | Pow_Mul | RShift_LShift | LShift_RShift
        | BitOr_BitAnd | BitAnd_BitOr | BitXor_BitOr))""", re.VERBOSE)
"""Of an operator's eleven replacements one: the mistakes that people make. The others are caught by whatever catches that one."""


class Mutant(NamedTuple):
    """A module's source with one mistake."""

    line: int
    mistake: str  # cosmic-ray's name of it
    code: str


def mutants(module: Module) -> Iterator[Mutant]:
    """All of *module*, in the order of operators. Type annotations, which nothing runs, are left as they are."""
    source = (ROOT / module.path).read_text("utf-8")
    spared, wanted = _annotations(source), _lines(source, module.only)
    same = ast.dump(ast.parse(source))
    nodes = list(ast_nodes(get_ast(source)))
    for name in sorted(filter(_OPERATORS.fullmatch, operator_names())):
        operator = get_operator(name)()
        places = [place for node in nodes for place in operator.mutation_positions(node)]
        for number, (start, *_) in enumerate(places):
            if start[0] not in wanted or any(first <= start < last for first, last in spared):
                continue
            code = None
            with suppress(AttributeError):  # cosmic-ray 8.7 cannot mutate an `except` that names several
                code = mutate_code(source, operator, number)
            if code is not None and _differs(code, same):
                yield Mutant(start[0], name.removeprefix("core/"), code)


def _differs(code: str, same: str) -> bool:
    """Whether *code* is another program, and one at all."""
    try:
        return ast.dump(ast.parse(code)) != same
    except SyntaxError:
        return False


def _annotations(source: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """From where to where types are written."""
    found: list[ast.expr | None] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.arg | ast.AnnAssign):
            found.append(node.annotation)
        elif isinstance(node, ast.FunctionDef):
            found.append(node.returns)
    return [((one.lineno, one.col_offset), (one.end_lineno or 0, one.end_col_offset or 0)) for one in found if one]


def _lines(source: str, only: tuple[str, ...]) -> set[int]:
    """The lines of what is named in *only*; all where nothing is."""
    lines: set[int] = set()
    for node in ast.parse(source).body:
        if not only or _names(node) & {*only}:
            first = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", ()))])
            lines.update(range(first, (node.end_lineno or node.lineno) + 1))
    return lines


def _names(node: ast.stmt) -> set[str]:
    """What a statement of a module defines."""
    if isinstance(node, ast.Assign):
        return {name.id for target in node.targets for name in ast.walk(target) if isinstance(name, ast.Name)}
    return {node.name} if isinstance(node, ast.FunctionDef | ast.ClassDef) else set()
