"""What is wrong in a settings file or in the environment, in one line that names the setting."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import SettingsError as UnreadableSource

from ops.references import SettingsError

T = TypeVar("T")


def checked(file: Path | None, read: Callable[[], T]) -> T:
    """What `read` gives. Raises `SettingsError` for whatever is wrong in file and environment."""
    try:
        return read()
    except ValidationError as error:
        raise SettingsError(_one_line(error)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} is not TOML: {error}") from None
    except UnreadableSource as error:
        # A list or a table in an environment variable. Its text, which may be a secret, stays out.
        field = str(error).split('"')[1]
        raise SettingsError(f"setting {field}: the environment's value is not JSON") from None


def _one_line(error: ValidationError) -> str:
    return "; ".join(
        f"setting {'.'.join(str(part) for part in item['loc'])}: {_words(item)}"
        for item in error.errors()
    )


def _words(item: ErrorDetails) -> str:
    """Pydantic's message, but for what it says of its own insides."""
    if item["type"] == "extra_forbidden":
        return "there is no such setting"
    return item["msg"].removeprefix("Value error, ")
