"""How the code is laid out: what imports what, and what is loaded for it."""

import inspect
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from importlib import import_module
from pathlib import Path

import pytest
from support.imports import imports_of, package_of, paths_of

from lcinfer.cli import stage

PACKAGE = Path(__file__).parents[1] / "src" / "lcinfer"
DESIGN = Path(__file__).parents[1] / "docs" / "design.md"
HEAVY = ("torch", "zarr", "py21cmfast", "xarray", "pandas", "matplotlib", "scipy.stats")
RUN = ("lcinfer.__main__", "lcinfer.cli")  # what people and launchers start
FUNCTIONS = (type(lambda: None), property, classmethod, staticmethod)


MODULES = paths_of(PACKAGE)
IMPORTS = imports_of(PACKAGE)


def test_packages_import_only_those_above_them_in_docs_design_also_inside_functions():
    listed = re.findall(r"^\| (`.*?) \|", DESIGN.read_text("utf-8"), flags=re.MULTILINE)
    order = [f"lcinfer.{name}" for row in listed for name in re.findall(r"`(\w+)`", row)]
    assert sorted(order) == sorted({package_of(it) for it in MODULES} - {"lcinfer", *RUN[:1]})
    wrong = {
        f"{module} imports {imported}"
        for module, several in IMPORTS.items()
        for imported in several
        if package_of(module) in order and package_of(imported) in order
        if order.index(package_of(imported)) > order.index(package_of(module))
    }
    assert wrong == set()


def test_modules_import_each_other_in_one_direction_also_inside_functions():
    list(TopologicalSorter(IMPORTS).static_order())


def test_no_wing_asks_which_kind_of_product_it_has():
    measures = PACKAGE.parents[1] / "benchmarks" / "house.py"
    done = subprocess.run([sys.executable, measures], capture_output=True, text=True, check=True)
    _, asked = done.stdout.split("dispatches on a product's kind")
    assert asked.split() == ["0"]


def test_no_module_is_there_for_the_tests_alone():
    imported = set().union(*IMPORTS.values(), RUN)
    started = {module for module, path in MODULES.items() if "__main__" in path.read_text("utf-8")}
    packages = {it for it in MODULES if MODULES[it].name == "__init__.py"}
    rules = "\n".join(
        path.read_text("utf-8") for path in (PACKAGE.parents[1] / "workflow").rglob("*.smk")
    )
    alone = {
        it
        for it in MODULES.keys() - imported - started - packages
        if it.rpartition(".")[2] not in rules
    }
    assert alone == set()


def test_what_a_rule_does_is_in_a_module_of_its_name():
    done_in = {rule: _stage_of(verb) for rule, verb in _verbs_of_rules()}
    assert {rule: it for rule, it in done_in.items() if it not in rule.split("_")} == {}
    stages = {it for it in MODULES if it.startswith("lcinfer.stages.")}
    others = stages - {f"lcinfer.stages.{it}" for it in done_in.values()}
    assert others - set().union(*(IMPORTS[it] for it in stages)) == set()


def _verbs_of_rules():
    """Each rule that no other one is written from, and the verb that it calls."""
    for path in sorted(PACKAGE.parents[1].glob("workflow/rules/*.smk")):
        _, *rules = re.split(r"^ *((?:use )?rule)\b", path.read_text("utf-8"), flags=re.MULTILINE)
        for how, text in zip(rules[::2], rules[1::2], strict=True):
            if how == "rule":
                (verb,) = re.findall(r"\bstage (\S+)", text)
                what = re.search(r'\bwhat="(\w+)"', text)
                yield re.match(r" (\w+)", text)[1], what[1] if verb == "{params.what}" else verb


def _stage_of(verb):
    """The module of ``stages`` that a verb takes."""
    source = inspect.getsource(getattr(stage, f"_{verb}"))
    source += "".join(
        inspect.getsource(getattr(stage, it)) for it in re.findall(r"^    (_\w+)\(", source, re.M)
    )
    (module,) = re.findall(r"from \.\.stages(?:\.| import )(\w+)", source)
    return module


@pytest.mark.parametrize("package", ["engines", "products", "text"])
def test_what_has_no_words_of_its_own_overrides_what_has(package):
    modules = [import_module(it) for it in MODULES if it.startswith(f"lcinfer.{package}.")]
    without = [
        f"{kind.__qualname__}.{name}"
        for module in modules
        for kind in vars(module).values()
        if inspect.isclass(kind) and kind.__module__ == module.__name__
        for name, member in vars(kind).items()
        if not name.startswith("_") and isinstance(member, FUNCTIONS)
        if not inspect.getdoc(getattr(kind, name))
    ]
    assert without == []


@pytest.mark.parametrize("module", ["lcinfer.cli", "lcinfer.changes.reasons"])
def test_what_every_job_begins_with_loads_no_heavy_library(module):
    code = f"import sys, {module}; print(*sorted({HEAVY!r} & sys.modules.keys()))"
    code = code.replace(repr(HEAVY), repr(set(HEAVY)))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
