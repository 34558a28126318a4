"""`tape sql` and `tape explain` by command: forms of an answer, where a question comes from, exit
codes.
"""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from connectors.log.memory import MemoryLog
from ops.cli.demo import _answers
from ops.cli.sql import AnswerForm
from ops.demo.answers import answers
from ops.settings import load
from pipelines.batches import local_codec
from replay.archive.run import archive
from replay.archive.store import FolderStore
from tests.ops.cli.ran import Ran
from tests.replay import traded

ASKED = "SELECT 1.50::DECIMAL(10, 2) AS px, NULL AS none, ['a', 'b'] AS names, 'x,y' AS text"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small archive: what orders are about."""
    folder = tmp_path_factory.mktemp("archive")
    log: MemoryLog = traded.load()
    topics = ("oms.order-request.v1", "risk.decision.v1", "oms.order-event.v1")
    archive(log, local_codec(), FolderStore(folder), topics)
    return folder


@pytest.fixture
def tape(root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ran:
    monkeypatch.setenv("TAPE_ARCHIVE__ROOT", str(root))
    return Ran(monkeypatch, capsys)


def test_an_answer_is_a_table_json_or_csv(tape: Ran) -> None:
    code, table, _ = tape("sql", ASKED)
    assert (code, table.splitlines()) == (
        0,
        ["px   none  names       text", '1.5  -     ["a", "b"]  x,y', "(1 row)"],
    )
    _, text, _ = tape("sql", ASKED, "--output", "json")
    assert json.loads(text) == [{"px": "1.5", "none": None, "names": ["a", "b"], "text": "x,y"}]
    _, csv, _ = tape("sql", ASKED, "--output", "csv")
    assert csv.splitlines() == ["px,none,names,text", '1.5,,"[""a"", ""b""]","x,y"']


def test_an_answer_without_rows_is_one(tape: Ran) -> None:
    nothing = "SELECT 1 AS a WHERE false"
    assert tape("sql", nothing)[1].splitlines() == ["a", "(0 rows)"]
    assert json.loads(tape("sql", nothing, "--output", "json")[1]) == []
    assert tape("sql", nothing, "--output", "csv")[1].splitlines() == ["a"]


def parquet_of(tape: Ran, monkeypatch: pytest.MonkeyPatch, question: str) -> pa.Table:
    out = io.TextIOWrapper(io.BytesIO())
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", out)
        tape("sql", question, "--output", AnswerForm.PARQUET)
    out.flush()
    assert isinstance(out.buffer, io.BytesIO)
    return pq.read_table(io.BytesIO(out.buffer.getvalue()))


def test_an_answer_is_parquet_in_its_own_types(tape: Ran, monkeypatch: pytest.MonkeyPatch) -> None:
    table = parquet_of(tape, monkeypatch, ASKED)
    assert str(table.schema.field("px").type) == "decimal128(10, 2)"


def test_columns_of_one_name_keep_their_values(tape: Ran, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = "SELECT 1 AS a, 2 AS a, 3 AS a_1, 4 AS b, 5 AS A"
    assert tape("sql", asked)[1].splitlines() == ["a  a  a_1  b  A", "1  2  3    4  5", "(1 row)"]
    csv = tape("sql", asked, "--output", "csv")[1]
    assert csv.splitlines() == ["a,a_1,a_1_1,b,A_2", "1,2,3,4,5"]
    told = {"a": 1, "a_1": 2, "a_1_1": 3, "b": 4, "A_2": 5}
    assert json.loads(tape("sql", asked, "--output", "json")[1]) == [told]
    assert parquet_of(tape, monkeypatch, asked).to_pylist() == [told]


def test_nanoseconds_are_shown(tape: Ran) -> None:
    asked = "SELECT make_timestamp_ns(1795253400123456789) AS at"
    assert tape("sql", asked)[1].splitlines()[1] == "2026-11-21T09:30:00.123456789"


def test_a_question_comes_from_a_file_or_an_example(tape: Ran, tmp_path: Path) -> None:
    file = tmp_path / "asked.sql"
    file.write_text("SELECT count(*) AS n FROM order_denied")
    assert tape("sql", "--file", str(file))[1].splitlines() == ["n", "4", "(1 row)"]
    assert "POSITION_ABOVE_MAX" in tape("sql", "--example", "denials")[1]
    assert len(tape("sql", "--examples")[1].splitlines()) == 10
    assert tape("sql", "SELECT 1", "--date", "2026-11-21", "--example", "fees")[0] == 2
    assert tape("sql", "SELECT count(*) AS n FROM orders", "--date", "2026-11-20")[1][:3] == "n\n0"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param(("SELEC 1",), "syntax error", id="wrong SQL"),
        pytest.param((), "ask one thing", id="nothing"),
        pytest.param(("SELECT 1", "--database", "/x"), "ask one thing", id="and a database"),
        pytest.param(("SELECT 1", "--examples"), "ask one thing", id="and the examples"),
        pytest.param(
            ("SELECT INTERVAL '1 month' AS i", "--output", "parquet"), "interval", id="no Parquet"
        ),
        pytest.param(("SELECT 'infinity'::timestamptz",), "cast such times", id="no time"),
        pytest.param(("SELECT ['-infinity'::date]", "--output", "csv"), "cast", id="no date"),
        pytest.param(("SELECT 1::uhugeint AS n",), "column n", id="no such type"),
        pytest.param(("--file", "/nowhere/asked.sql"), "/nowhere/asked.sql", id="no file"),
        pytest.param(("--example", "x"), "no example x", id="no example"),
        pytest.param(("SELECT 1", "--date", "today"), "not a day", id="no day"),
        pytest.param(("SELECT * FROM fills", "--archive", "/nowhere"), "/nowhere", id="no archive"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    tape: Ran, arguments: tuple[str, ...], says: str
) -> None:
    code, out, err = tape("sql", *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert says in err


def test_an_order_is_explained_from_the_archive(tape: Ran) -> None:
    question = (
        "SELECT min(f.cl_ord_id) AS name FROM fills f JOIN order_requested r USING (cl_ord_id) "
        "WHERE r.causation_id LIKE 'strategy/%'"
    )
    [asked] = json.loads(tape("sql", question, "--output", "json")[1])
    code, text, _ = tape("explain", asked["name"][:12])
    assert (code, text.splitlines()[0]) == (0, f"order {asked['name']}")
    assert "OrderFilled" in text
    shown = json.loads(tape("explain", asked["name"], "--output", "json")[1])
    assert shown["steps"][0]["event"] == "OrderRequested"
    assert len(shown["notes"]) == 2, "this archive has orders alone: no tick, no signal"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param(("!",), "no order begins with !", id="no order"),
        pytest.param(("A", "--source", "tape"), "--source is", id="no source"),
        pytest.param(("A", "--date", "2026-11-20"), "no order begins with A", id="another day"),
    ],
)
def test_an_order_that_cannot_be_explained_is_one_line(
    tape: Ran, arguments: tuple[str, ...], says: str
) -> None:
    code, out, err = tape("explain", *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert says in err


def test_a_demo_ends_with_an_answer_and_an_order(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAPE_ARCHIVE__ROOT", str(root))
    found = answers(load(), trades=True)
    assert {row["instrument"] for row in found["sql"]["rows"]} == {
        "BTCUSDT.BINANCE",
        "ETHUSDT.BINANCE",
    }
    asked, explained = _answers(found)
    assert asked.splitlines()[0].startswith("tape sql --example slippage: What did fills cost")
    assert asked.splitlines()[-1] == "(2 rows)"
    name = found["explained"]["cl_ord_id"]
    assert explained.splitlines()[:2] == [f"tape explain {name[:8]}:", f"order {name}"]
    assert "OrderFilled" in explained
    bare = {**found, "explained": None, "sql": {**found["sql"], "rows": []}}
    assert [text.splitlines()[-1] for text in _answers(bare)] == ["(0 rows)"]
