"""Style that no linter knows, with the replacement in the message.

Pure code (`pipelines` but its edges, the venues' parsers) reads no clock, random source,
environment, file or network. Functions end within 70 lines, files within 500; no note to do
something later is left. A line is excused by `# tidy: reason`. Every rule is first shown failing on
a sample.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

import pytest

from tests.source_files import Source, sources

FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 500
EDGES = {"pipelines/flow.py", "pipelines/strategy/loading.py", "pipelines/strategy/sources.py"}
LEFTOVER = re.compile(r"\b(FIXME|TODO|XXX|HACK)\b")

CLOCK = "time is data: take it from `ts_*_ns`, `timestamp_ms` or a ClockTick"
RANDOM = "ids and choices are functions of inputs: derive them from the Position"
OUTSIDE = "take it as an argument: settings come in from ops, records from the log"
BANNED_MODULES = {
    "time": CLOCK,
    "random": RANDOM,
    "secrets": RANDOM,
    "uuid": RANDOM,
    "os": OUTSIDE,
    "sys": OUTSIDE,
    "io": OUTSIDE,
    "pathlib": OUTSIDE,
    "socket": OUTSIDE,
    "subprocess": OUTSIDE,
    "threading": "one shard is one thread: keep it in the state",
    "asyncio": OUTSIDE,
    "urllib": OUTSIDE,
    "http": OUTSIDE,
    "httpx": OUTSIDE,
    "websockets": OUTSIDE,
    "confluent_kafka": OUTSIDE,
    "pickle": "write the state in its canonical form",
}
BANNED_CALLS = {
    "now": CLOCK,
    "utcnow": CLOCK,
    "today": CLOCK,
    "open": OUTSIDE,
    "input": OUTSIDE,
    "print": "log, or give it back as a value",
    "hash": "it depends on PYTHONHASHSEED: use hashlib",
    "id": RANDOM,
    "urandom": RANDOM,
    "read_text": OUTSIDE,
    "read_bytes": OUTSIDE,
    "getcontext": "use one explicit decimal.Context: the thread's own rounds in silence",
    "read_parquet": OUTSIDE,
    "scan_parquet": OUTSIDE,
    "read_csv": OUTSIDE,
}


def is_pure(path: str) -> bool:
    parser = path.startswith("connectors/venues/") and PurePosixPath(path).stem.endswith("parse")
    return parser or (path.startswith("pipelines/") and path not in EDGES)


def faults(source: Source) -> Iterator[str]:
    """What is untidy in a file, one line each."""
    found = [*_long(source), *_leftovers(source)]
    if is_pure(source.path):
        found += [*_impure_imports(source), *_impure_calls(source)]
    for line, fault in found:
        if not source.excused(line):
            yield f"{source.path}:{line}: {fault}"


def _long(source: Source) -> Iterator[tuple[int, str]]:
    lines = len(source.text.splitlines())
    if lines > FILE_LINES_MAX:
        yield 1, f"{lines} lines in a file: at most {FILE_LINES_MAX}, split it by responsibility"
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or 0) - node.lineno + 1
            if lines > FUNCTION_LINES_MAX:
                yield node.lineno, f"{lines} lines in {node.name}: at most {FUNCTION_LINES_MAX}"


def _leftovers(source: Source) -> Iterator[tuple[int, str]]:
    if not LEFTOVER.search(source.text):
        return  # taking a file apart for its comments costs more than all else here
    for line, comment in source.comments.items():
        if word := LEFTOVER.search(comment):
            yield line, f"{word[0]} left behind: do it, or write an issue"


def _impure_imports(source: Source) -> Iterator[tuple[int, str]]:
    for line, name in source.imports():
        if reason := BANNED_MODULES.get(name.partition(".")[0]):
            yield line, f"imports {name}: {reason}"


def _impure_calls(source: Source) -> Iterator[tuple[int, str]]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call):
            name = _called(node.func)
            if reason := BANNED_CALLS.get(name):
                yield node.lineno, f"calls {name}(): {reason}"


def _called(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


LOGIC = "pipelines/market/logic.py"
LONG = "def f():\n" + "    x = 1\n" * FUNCTION_LINES_MAX


@pytest.mark.parametrize(
    ("path", "text", "says"),
    [
        pytest.param(LOGIC, "import time", "time is data", id="clock module"),
        pytest.param(LOGIC, "from time import time_ns", "time is data", id="clock function"),
        pytest.param(LOGIC, "datetime.now(UTC)", "calls now(): time is data", id="clock call"),
        pytest.param(LOGIC, "import random", "functions of inputs", id="random"),
        pytest.param(LOGIC, "def f():\n    from uuid import uuid4", ":2: imports", id="uuid"),
        pytest.param(LOGIC, "import os.path", "take it as an argument", id="environment"),
        pytest.param(LOGIC, "open('x')", "calls open(): take", id="file"),
        pytest.param(LOGIC, "import socket", "take it as an argument", id="network"),
        pytest.param(LOGIC, "import confluent_kafka", "take it as an argument", id="kafka"),
        pytest.param(LOGIC, "hash('x')", "PYTHONHASHSEED", id="hash"),
        pytest.param(LOGIC, "pl.read_csv('x')", "take it as an argument", id="polars file"),
        pytest.param("connectors/venues/x/parse.py", "import time", "time is data", id="parser"),
        pytest.param("connectors/venues/x_parse.py", "import time", "time is data", id="parsers"),
        pytest.param("ops/a.py", LONG, ":1: 71 lines in f", id="long function"),
        pytest.param("ops/a.py", f"async {LONG}", ":1: 71 lines in f", id="long coroutine"),
        pytest.param("ops/a.py", "\n" * 501, ":1: 501 lines in a file", id="long file"),
        pytest.param("ops/a.py", "x = 1  # FIXME later", "FIXME left", id="leftover"),
        pytest.param(LOGIC, "import time  # tidy: ", "time is data", id="excuse without reason"),
    ],
)
def test_what_is_untidy_is_found(path: str, text: str, says: str) -> None:
    assert says in "\n".join(faults(Source(path, text)))


@pytest.mark.parametrize(
    ("path", "text"),
    [
        pytest.param("connectors/venues/shell.py", "import time\ntime.time()", id="an edge"),
        pytest.param("pipelines/flow.py", "import os", id="wiring"),
        pytest.param(LOGIC, "import time  # tidy: only its struct_time, a type", id="excused"),
        pytest.param(LOGIC, "from datetime import timedelta\nnow = 1", id="a duration"),
        pytest.param("ops/a.py", "x = 'FIXME'", id="a text, not a comment"),
    ],
)
def test_what_is_tidy_is_not(path: str, text: str) -> None:
    assert list(faults(Source(path, text))) == []


def test_everything_is_tidy() -> None:
    found = [fault for source in sources() for fault in faults(source)]
    assert not found, "\n" + "\n".join(found)
