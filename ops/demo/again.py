"""The venue from its arrivals again, and a report of what was traded."""

from __future__ import annotations

from typing import Any

from connectors.log.kafka import KafkaLog
from ops.processes.closing import venue_links
from ops.processes.sources import Source
from ops.settings import Settings
from ops.stack.progress import Report
from replay.backtest.recorded import recorded_story
from replay.backtest.store import keep_report
from schemas.codec import Codec


def venue_again(log: KafkaLog, codec: Codec, settings: Settings, report: Report) -> dict[str, Any]:
    """Whether each decision and report of the venue comes out again, and the report's path. The
    venue must have stopped.
    """
    state = settings.simulated_folder / "state"
    links = venue_links(settings, state, settings.gateway.venue, Source.LOG, report)
    facts = [(link.name, f"{link.compared:,} again: {link.finding or 'equal'}") for link in links]
    story = recorded_story(log, codec)
    page = keep_report(settings.run_dir, "What the demo traded", story, facts)
    return {
        "venue_again": [{**link._asdict(), "clean": link.clean} for link in links],
        "report": str(page),
    }
