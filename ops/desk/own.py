"""A desk with a simulated venue of its own, on free ports: what its settings are, and what its
processes are told.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ops.settings import Settings
from ops.stack.ports import HOST, free_ports
from ops.supervisor.supervisor import environment_of


def own_venue() -> dict[str, dict[str, Any]]:
    """Values for `load_file`, whatever a file says of a real venue."""
    port, admin_port = free_ports(2)
    return {
        "desk": {
            "simulated": True,
            "live": False,
            "venue_port": port,
            "venue_admin_port": admin_port,
        },
        "gateway": {"url": f"http://{HOST}:{port}", "socket_url": f"ws://{HOST}:{port}/ws-api/v3"},
    }


def operator_url(settings: Settings) -> str:
    """Where that venue's operator arms faults."""
    return f"http://{HOST}:{settings.desk.venue_admin_port}"


def with_feeds(settings: Settings, urls: Mapping[str, str]) -> Settings:
    """Market data of these venues alone, from these servers."""
    feeds = [
        feed.model_copy(update={"url": urls[feed.venue]})
        for feed in settings.desk.feeds
        if feed.venue in urls
    ]
    return settings.model_copy(update={"desk": settings.desk.model_copy(update={"feeds": feeds})})


def environment(file: Path, settings: Settings, **more: str) -> dict[str, str]:
    """What the processes are told, and they alone: the file, and what is the desk's own."""
    return environment_of(
        TAPE_CONFIG=str(file.absolute()),
        TAPE_RUN_DIR=str(settings.run_dir),
        TAPE_GATEWAY__URL=settings.gateway.url,
        TAPE_GATEWAY__SOCKET_URL=settings.gateway.socket_url,
        **more,
    )
