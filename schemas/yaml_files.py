"""YAML as people write it, for files by which money is traded: no name stands twice in a mapping,
where PyYAML would take the last one in silence, and no number is rounded or read in base eight.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final

import yaml

_TAG: Final = "tag:yaml.org,2002:"
_FORMS: Final = {
    "int": r"[-+]?(0|[1-9][0-9]*)",
    "bool": r"true|false",
    "null": r"null|~|",
    "merge": r"<<",
}
_BROKEN: Final = r"[-+]?(0|[1-9][0-9]*)\.[0-9]+"


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
    """Texts, but for whole numbers, `true`, `false` and `null`: none of the other forms of YAML
    1.1, in which 010 is eight, 1:30 is ninety and `no` is false.
    """

    yaml_implicit_resolvers: dict[Any, Any] = {}  # noqa: RUF012


class Decimals(Plain):
    """As `Plain`, and broken numbers as the Decimals that stand there."""


def _reads(loader: type[Plain], tag: str, form: str) -> None:
    loader.add_implicit_resolver(_TAG + tag, re.compile(rf"(?:{form})\Z"), None)


for _tag, _form in _FORMS.items():
    _reads(Plain, _tag, _form)
_reads(Decimals, "float", _BROKEN)
Decimals.add_constructor(f"{_TAG}float", lambda _, node: Decimal(node.value))
