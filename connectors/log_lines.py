"""What a process says of itself: a line each on stderr, the same in every process of Tape."""

from __future__ import annotations

import logging
import sys

FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"


def to_stderr(level: str = "WARNING") -> None:
    """Sets up the root logger, from warnings on, and Tape's own from `level` on."""
    logging.basicConfig(stream=sys.stderr, format=FORMAT, level="WARNING")
    logging.getLogger("tape").setLevel(level)
