"""Settings for printing: what is secret is replaced, a reference is shown."""

from __future__ import annotations

from typing import Any

from ops.references import REFERENCE, Option
from ops.settings import Settings
from schemas.secret import MASK, is_secret, without_login


def masked(settings: Settings) -> dict[str, Any]:
    """The effective settings for printing; a literal secret is replaced, a reference is shown."""
    values = settings.model_dump(mode="json")
    for section in ("kafka", "registry"):
        options = values[section]["options"]
        values[section]["options"] = {name: _masked(name, options[name]) for name in options}
    return {name: _nameless(value) for name, value in values.items()}


def _masked(name: str, value: Option) -> Option:
    if isinstance(value, str) and REFERENCE.fullmatch(value):
        return value
    return MASK if is_secret(name) else value


def _nameless(value: Any) -> Any:
    """Whatever may be an address, without who signs in there."""
    if isinstance(value, dict):
        return {name: _nameless(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_nameless(one) for one in value]
    return without_login(value) if isinstance(value, str) else value
