"""What processes show of themselves, asked as Prometheus asks."""

from __future__ import annotations

from collections.abc import Iterable

import httpx
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from connectors.metrics.declared import FIGURES

CLIENTS = ("python_", "process_")  # the client library's own


def families(address: str) -> dict[str, Metric]:
    """By name as declared; those without a sample too."""
    text = httpx.get(f"http://{address}/metrics").text
    found = text_string_to_metric_families(text)
    return {one.name + "_total" * (one.type == "counter"): one for one in found}


def shown(addresses: Iterable[str]) -> set[str]:
    """The declared figures that have a sample somewhere. Raises `AssertionError` where something is
    exposed that nobody declared, or declared and not exposed.
    """
    declared, seen = {one.name for one in FIGURES}, set[str]()
    for address in addresses:
        found = families(address)
        ours = {name for name in found if not name.startswith(CLIENTS)}
        assert ours == declared, f"{address}: {ours ^ declared}"
        seen |= {name for name in ours if found[name].samples}
    return seen


def answers(address: str) -> bool:
    """Whether the process has come as far as to show itself, ready or not."""
    return _code(address, "livez") is not None


def ready(address: str) -> bool:
    return _code(address, "readyz") == 200


def _code(address: str, page: str) -> int | None:
    try:
        return httpx.get(f"http://{address}/{page}").status_code
    except httpx.HTTPError:
        return None
