"""Imports point one way: `schemas <- logic <- flow <- connectors <- replay <- ops`.

And each layer has its clients: only the wiring imports Bytewax, pure code imports no client at all.
Every rule is first shown failing on a sample.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from ops.settings import ROOT
from tests.source_files import Source, sources

LAYERS = ("schemas", "logic", "flow", "connectors", "replay", "ops", "tests")
ALLOWED = {
    "schemas": {"fastavro", "polars", "pyarrow", "yaml", "confluent_kafka.schema_registry"},
    "logic": {"polars", "pyarrow", "msgspec"},
    "flow": {"bytewax"},
}
BYTEWAX = (
    "pipelines/flow.py",
    "connectors/epochs/bytewax_ends.py",  # the epoch source and sink
    "ops/processes/run.py",  # starts the flow
    "ops/processes/factory.py",  # is started by Bytewax's own command line
    "tests/",
)


def layer_of(module: str) -> str | None:
    """The layer of a dotted name or a path; None for what is not ours."""
    parts = module.removesuffix(".py").replace("/", ".").split(".")
    if parts[0] == "pipelines":
        return "flow" if "flow" in parts else "logic"
    return parts[0] if parts[0] in LAYERS else None


def faults(source: Source) -> Iterator[str]:
    """The imports of a file that the rules forbid."""
    layer = layer_of(source.path)
    assert layer is not None
    for line, name in source.imports():
        if not source.excused(line):
            yield from (f"{source.path}:{line}: {fault}" for fault in _faults(source, layer, name))


def _faults(source: Source, layer: str, name: str) -> Iterator[str]:
    target = layer_of(name)
    if target is not None and LAYERS.index(target) > LAYERS.index(layer):
        yield f"{layer} imports {name}: imports point from {layer} down, pass it in as an argument"
    if name.startswith("bytewax") and not source.path.startswith(BYTEWAX):
        yield "imports bytewax: only the flow and the epoch source and sink may know it"
    elif target is None and layer in ALLOWED and not _allowed(layer, name):
        yield f"{layer} imports {name}: {layer} has the standard library and {ALLOWED[layer]}"


def _allowed(layer: str, name: str) -> bool:
    if name.partition(".")[0] in sys.stdlib_module_names:
        return True
    return any(f"{name}.".startswith(f"{allowed}.") for allowed in ALLOWED[layer])


@pytest.mark.parametrize(
    ("path", "text", "says"),
    [
        ("schemas/a.py", "from pipelines.logic import Input", "schemas imports pipelines"),
        ("pipelines/a/logic.py", "import connectors.log", "logic imports connectors.log"),
        ("pipelines/a/logic.py", "from pipelines.flow import x", "logic imports pipelines.flow"),
        ("pipelines/a/logic.py", "def f():\n    import ops.cli", ":2: logic imports ops.cli"),
        ("pipelines/flow.py", "from connectors.epochs import x", "flow imports connectors"),
        ("connectors/a.py", "from replay.rerun import rerun", "connectors imports replay.rerun"),
        ("replay/a.py", "import ops", "replay imports ops"),
        ("ops/a.py", "import tests.pins", "ops imports tests.pins"),
        ("pipelines/a/logic.py", "import bytewax.operators", "only the flow"),
        ("connectors/log/kafka.py", "from bytewax.inputs import x", "only the flow"),
        ("pipelines/a/logic.py", "from confluent_kafka import Consumer", "standard library and"),
        ("schemas/a.py", "from confluent_kafka import Consumer", "standard library and"),
        ("pipelines/a/logic.py", "import ops  # tidy:  ", "logic imports ops"),
    ],
)
def test_a_forbidden_import_is_found(path: str, text: str, says: str) -> None:
    assert says in "\n".join(faults(Source(path, text)))


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("schemas/a.py", "from confluent_kafka.schema_registry import SchemaRegistryClient"),
        ("pipelines/a/logic.py", "import json\nimport polars as pl\nfrom schemas import events"),
        ("pipelines/flow.py", "import bytewax.operators as op\nfrom pipelines.logic import x"),
        ("connectors/epochs/bytewax_ends.py", "import bytewax\nfrom pipelines.items import x"),
        ("ops/a.py", "import rich\nfrom replay.rerun import x"),
        ("pipelines/a/logic.py", "import ops  # tidy: the reason"),
    ],
)
def test_an_allowed_import_is_not(path: str, text: str) -> None:
    assert list(faults(Source(path, text))) == []


def test_all_imports_point_one_way() -> None:
    found = [fault for source in sources() for fault in faults(source)]
    assert not found, "\n" + "\n".join(found)


def test_a_process_loads_only_what_it_needs() -> None:
    """A start is a second of work, and a desk has a dozen: columns and tools stay away."""
    modules = "ops.processes.run, ops.processes.gateway, ops.processes.venue_watch"
    modules += ", pipelines.risk.logic, replay.archive.incoming"
    asked = f"import sys, {modules}; print(sorted({{'polars', 'rich'}} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
