"""The caps of a gateway's account, from their file."""

from __future__ import annotations

from pathlib import Path

import yaml

from pipelines.gateway.caps import Caps, CapsRefused, parse_caps
from schemas.errors import one_line
from schemas.yaml_files import Plain


def load_caps(file: Path | None) -> Caps:
    """Raises `CapsRefused`."""
    if file is None:
        raise CapsRefused("no hard caps: set TAPE_GATEWAY__CAPS to their file (docs/gateway.md)")
    try:
        found = yaml.load(file.read_text("utf-8"), Loader=Plain)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise CapsRefused(f"{file} cannot be read: {one_line(error)}") from None
    if not isinstance(found, dict):
        raise CapsRefused(f"{file} is not a table of caps")
    return parse_caps(found)
