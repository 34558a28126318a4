"""Where settings come from: the file and the environment, both with their numbers as written."""

from __future__ import annotations

import json
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import EnvSettingsSource, TomlConfigSettingsSource


class File(TomlConfigSettingsSource):
    """The settings file, its numbers as written. Files that it names lie relative to it."""

    def _read_file(self, file_path: Any) -> dict[str, Any]:
        return tomllib.loads(file_path.read_text("utf-8"), parse_float=Decimal)

    def __call__(self) -> dict[str, Any]:
        found, file = super().__call__(), self.toml_file_path
        for section, name in (("gateway", "caps"), ("desk", "limits")):
            values = found.get(section)
            if (
                isinstance(file, Path)
                and isinstance(values, dict)
                and isinstance(values.get(name), str)
            ):
                values[name] = str(file.absolute().parent / values[name])
        return found


class Environment(EnvSettingsSource):
    """Variables; a list or a table is JSON, its numbers as written."""

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        return json.loads(value, parse_float=Decimal)
