"""YAML as people write it, for files by which money is traded: no name stands twice in a mapping,
where PyYAML would take the last one in silence, and no number is rounded or read in base eight.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final

import yaml

_WHOLE: Final = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_BROKEN: Final = re.compile(r"[-+]?(0|[1-9][0-9]*)\.[0-9]+")
_FLAGS: Final = re.compile(r"true|false")
_NOTHING: Final = re.compile(r"null|~|")


class _Once:
    """Before what a mapping merges (`<<`) is added to it, which it may override."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node: yaml.MappingNode = super().compose_mapping_node(anchor)  # type: ignore[misc]
        known = set()
        for key, _ in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else id(key)
            if name in known:
                line = key.start_mark.line + 1
                raise yaml.composer.ComposerError(None, None, f"{name} again in line {line}")
            known.add(name)
        return node


class Texts(_Once, yaml.BaseLoader):
    """Every value is the text that stands there."""


class Plain(_Once, yaml.SafeLoader):
    """Texts, but for whole numbers, Decimals, `true`, `false` and `null`: none of the other forms
    of YAML 1.1, in which 010 is eight, 1:30 is ninety and `no` is false.
    """

    yaml_implicit_resolvers: dict[Any, Any] = {}  # noqa: RUF012


for _tag, _form in (("int", _WHOLE), ("float", _BROKEN), ("bool", _FLAGS), ("null", _NOTHING)):
    whole = re.compile(rf"^(?:{_form.pattern})$")
    Plain.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", whole, None)
Plain.add_implicit_resolver("tag:yaml.org,2002:merge", re.compile(r"^<<$"), None)
Plain.add_constructor("tag:yaml.org,2002:float", lambda _, node: Decimal(node.value))
