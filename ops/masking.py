"""Settings for printing: what is secret is replaced, a reference is shown."""

from __future__ import annotations

import re
from typing import Any

from ops.references import REFERENCE, Option
from ops.settings import Settings
from schemas.secret import MASK, is_secret


def masked(settings: Settings) -> dict[str, Any]:
    """The effective settings for printing; a literal secret is replaced, a reference is shown."""
    values = settings.model_dump(mode="json")
    for section in ("kafka", "registry"):
        options = values[section]["options"]
        values[section]["options"] = {name: _masked(name, options[name]) for name in options}
        for name in ("bootstrap_servers", "url"):
            if values[section].get(name):
                values[section][name] = _without_login(values[section][name])
    return values


def _masked(name: str, value: Option) -> Option:
    if isinstance(value, str) and REFERENCE.fullmatch(value):
        return value
    if is_secret(name):
        return MASK
    return _without_login(value) if isinstance(value, str) else value


def _without_login(address: str) -> str:
    return re.sub(r"//[^/@\s]+@", f"//{MASK}@", address)
