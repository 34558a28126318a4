"""Live again, link by link: the venue from its arrivals, the gateway's fold from what it wrote,
risk and strategy from their epochs. Where every link is equal, the whole chain from the market to
the position is what the same code makes of the same inputs.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Final

from connectors.orderport import order_port
from ops.processes.catalog import pipeline, strategy
from ops.processes.run import shard_of
from ops.processes.sources import Source, opened
from ops.settings import Settings, load_file
from ops.stack.progress import Report
from replay.backtest.closed import (
    Link,
    decisions_link,
    reports_link,
    requests_link,
    rerun_venue,
)
from replay.orders import accounts, refold
from replay.rerun import Verdict, rerun

NOTHING: Final[dict[str, int]] = {}


def closed_loop(
    config: Path, state: Path, own: Settings, source: Source, report: Report
) -> list[Link]:
    """`own` names the log, `config` the strategies. The venue must have stopped. Raises
    `TapeError`.
    """
    desk = load_file(config)
    links = venue_links(own, state, desk.gateway.venue, source, report)
    log, codec = opened(own, source)
    for name in accounts(log):
        found = refold(log, codec, name, on_event=partial(report, f"orders of {name}"))
        said = found.finding.what if found.finding else None
        links.append(Link(f"order events of {name}", found.events, "", "", said, NOTHING))
    for made in (pipeline("risk", own), strategy(desk, config.absolute())):
        count = 1 if made.one_shard else own.shards
        for number in range(count):
            shard = shard_of(made, number, count, own)
            step = partial(report, f"{made.name}-{number}")
            links.append(_epochs_link(rerun(log, codec, shard, made.logic, on_epoch=step)))
    log.close()
    return links


def venue_links(
    own: Settings, state: Path, venue: str, source: Source, report: Report
) -> list[Link]:
    """What the venue received, decided and reported."""
    log, codec = opened(own, source)
    again, journal = rerun_venue(log, codec, state, partial(report, "venue"))
    links = [
        requests_link(again, log, codec, order_port(venue)),
        decisions_link(again, journal),
        reports_link(again, log, codec),
    ]
    log.close()
    return links


def _epochs_link(found: Verdict) -> Link:
    said = found.finding.message if found.finding else None
    name = f"decisions of {found.pipeline}-{found.shard}"
    return Link(name, found.outputs, "", "", said, {"epochs": found.epochs})
