"""What a demo's archive answers: one question in SQL, and one order explained."""

from __future__ import annotations

from typing import Any, Final

from ops.archives import archive_of
from ops.processes.sources import Source, opened
from ops.settings import Settings
from replay.explain.chain import explain
from replay.explain.found import Past
from replay.explain.text import as_json, as_text
from replay.sql.render import as_rows
from replay.sql.session import ask
from replay.sql.shipped import example
from schemas.catalog import load_catalog

ORDER: Final = """
SELECT cl_ord_id FROM orders WHERE fill_count > 0 ORDER BY fill_count, first_time, cl_ord_id LIMIT 1
"""


def answers(settings: Settings, trades: bool) -> dict[str, Any]:
    """`sql`: an example question and its rows. `explained`: an order that filled, None where none
    did.
    """
    asked = example("slippage" if trades else "bars")
    store, catalog = archive_of(settings), load_catalog()
    rows = list(as_rows(ask(store, catalog, asked.sql)))
    filled = ask(store, catalog, ORDER).to_pylist()
    return {
        "sql": {"name": asked.name, "question": asked.question, "rows": rows},
        "explained": explained(settings, filled[0]["cl_ord_id"]) if filled else None,
    }


def explained(settings: Settings, cl_ord_id: str) -> dict[str, Any]:
    """The order as JSON, and as `text` for a person."""
    log, codec = opened(settings, Source.ARCHIVE)
    found = explain(Past(log, codec), cl_ord_id)
    return {**as_json(found), "text": as_text(found)}
