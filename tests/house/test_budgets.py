"""Sizes that must not slide: modules, functions, parameters, interfaces; no mocks; no class of error out of line."""

import ast
import importlib
import inspect
import pkgutil
import re
import statistics
from collections.abc import Iterator
from pathlib import Path

import nosh
from nosh.values.errors import Error

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef


def functions() -> Iterator[tuple[Path, FUNCTIONS]]:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, FUNCTIONS):
                yield path, node


def test_modules_have_at_most_400_lines_and_half_of_them_at_most_150() -> None:
    lines = {path: len(path.read_text().splitlines()) for path in SOURCES}
    assert {path: count for path, count in lines.items() if count > 400} == {}
    assert statistics.median(lines.values()) <= 150


def test_functions_have_at_most_60_lines_and_95_of_100_at_most_40() -> None:
    lengths = {f"{path}:{node.name}": (node.end_lineno or 0) - node.lineno + 1 for path, node in functions()}
    assert {name: count for name, count in lengths.items() if count > 60} == {}
    long = [name for name, count in lengths.items() if count > 40]
    assert len(long) <= 0.05 * len(lengths), long


def test_functions_have_at_most_6_parameters_and_1_that_is_a_flag_only_by_keyword() -> None:
    counts = {}
    for path, node in functions():
        every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        counts[f"{path}:{node.name}"] = len([one for one in every if one.arg not in {"self", "cls"}])
    assert {name: count for name, count in counts.items() if count > 6} == {}


def test_parameters_of_the_same_type_are_named_where_there_are_more_than_two() -> None:
    # What would call it: Python and argparse, by position.
    called = {"__exit__", "__call__", "add_usage"}
    confusable = []
    for path, node in functions():
        places = [one for one in (*node.args.posonlyargs, *node.args.args) if one.arg not in {"self", "cls"}]
        types = [ast.unparse(one.annotation).strip("'\"") if one.annotation else "" for one in places]
        if len(places) > 2 and len(set(types)) < len(types) and node.name not in called:
            confusable.append(f"{path}:{node.name}")
    assert confusable == []


def test_interfaces_have_at_most_5_methods() -> None:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef) and any(ast.unparse(base) == "Protocol" for base in node.bases):
                methods = [
                    inner.name
                    for inner in node.body
                    if isinstance(inner, ast.FunctionDef)
                    and not any(ast.unparse(decorator) == "property" for decorator in inner.decorator_list)
                ]
                assert len(methods) <= 5, (path, node.name, methods)


def test_no_test_replaces_what_can_run_for_real() -> None:
    word = re.compile("|".join(("unittest[.]mock", "Magic" + "Mock", "monkey" + r"patch[.]setattr")))
    users = [path for path in (ROOT / "tests").rglob("*.py") if word.search(path.read_text())]
    assert users == []


def test_every_error_is_one_of_ours_with_an_exit_code() -> None:
    for module in pkgutil.walk_packages(nosh.__path__, "nosh."):
        if module.name == "nosh.__main__":
            continue
        for _, kind in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if issubclass(kind, Exception) and kind.__module__.startswith("nosh."):
                assert issubclass(kind, Error), kind
                assert kind.exit_code in {1, 2, 3, 4}, kind


def test_nothing_names_a_machine_s_own_folders() -> None:
    secret = re.compile("/" + "work/|/" + "farm/")
    tracked = [path for name in ("src", "tests", "docs", "examples", "benchmarks") for path in (ROOT / name).rglob("*")]
    readable = [path for path in tracked if path.is_file() and path.suffix in {".py", ".md", ".toml", ".json", ".js"}]
    assert [path for path in readable if secret.search(path.read_text(errors="replace"))] == []
