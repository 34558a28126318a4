"""What is wrong in a settings file or in the environment, in one line that names the setting."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import SettingsError as UnreadableSource

from ops.misspelt import misspelt
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


def refuse_misspelt(model: type[BaseModel], file: Path | None) -> None:
    """Raises `SettingsError` for the first variable that is no setting and looks like one."""
    text = file.read_text("utf-8") if file is not None else ""
    for name, meant in misspelt(model, os.environ, text):
        words = f"{meant} is" if meant else "there is no such section"
        raise SettingsError(f"{name} in the environment is no setting: {words}")


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
