"""What `make mutants` tries is there, so that a renamed module or test does not leave the score unseen."""
from __future__ import annotations

import ast

import pytest

from tests.mutants.modules import MODULES, ROOT, Module


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.path)
def test_a_module_its_tests_and_what_is_named_of_it_are_there(module: Module) -> None:
    named = {name for node in ast.parse((ROOT / module.path).read_text("utf-8")).body for name in _names(node)}
    assert {*module.only} <= named
    assert module.tests
    for test in module.tests:
        file, _, name = test.partition("::")
        assert f"def {name}" in (ROOT / file).read_text("utf-8")


def _names(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    return [target.id for target in node.targets if isinstance(target, ast.Name)] if isinstance(node, ast.Assign) else []
