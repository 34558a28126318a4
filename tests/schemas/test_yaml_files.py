"""Files by which money is traded: beside each form what PyYAML makes of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import yaml

from schemas.yaml_files import Decimals, Plain, Texts


@pytest.mark.parametrize(
    ("text", "stock", "plain"),
    [
        ("20", 20, 20),
        ("-3", -3, -3),
        ("true", True, True),
        ("", None, None),
        ("null", None, None),
        ("'20'", "20", "20"),
        ("010", 8, "010"),
        ("1:30", 90, "1:30"),
        ("no", False, "no"),
        ("1_000", 1000, "1_000"),
        ("0.1234567890123456789", 0.12345678901234568, Decimal("0.1234567890123456789")),
        ("[0.10]", [0.1], [Decimal("0.10")]),
    ],
)
def test_forms(text: str, stock: Any, plain: Any) -> None:
    assert yaml.safe_load(f"a: {text}") == {"a": stock}
    found = yaml.load(f"a: {text}", Loader=Decimals)["a"]
    assert (found, type(found)) == (plain, type(plain))
    if "." not in text:
        assert yaml.load(f"a: {text}", Loader=Plain) == {"a": plain}
    if "'" not in text and "[" not in text:
        assert yaml.load(f"a: {text}", Loader=Texts) == {"a": text}


@pytest.mark.parametrize(
    "text", ["a: 1\nb: 2\na: 3\n", "x: {a: 1, b: 2,\n\n a: 3}", "a: 1\n\n'a': 3"]
)
def test_no_name_stands_twice(text: str) -> None:
    stock = yaml.safe_load(text)
    assert stock.get("x", stock)["a"] == 3
    for loader in (Plain, Decimals, Texts):
        with pytest.raises(yaml.YAMLError, match="a again in line 3"):
            yaml.load(text, Loader=loader)


def test_what_is_merged_may_be_overridden() -> None:
    text = "x: &x {a: 1, b: 2}\ny: {<<: *x, a: 3}\n"
    assert yaml.load(text, Loader=Plain)["y"] == {"a": 3, "b": 2}


def test_broken_numbers_are_texts_where_nobody_asks_for_decimals() -> None:
    assert yaml.load("a: 0.10", Loader=Plain) == {"a": "0.10"}
