"""What the page brings along is what its list says, and the page asks no other host.

1. Digests and licences of the vendored files.
2. Our own files: no markup out of text, no inline script or style, no address of another host.
"""

from __future__ import annotations

import re
from hashlib import sha256

import pytest

from tests.ops.console.stub import FILES, files

VENDOR = FILES / "vendor"
LISTED = re.findall(r"^\| `([^`]+)` \|.*\| `([0-9a-f]{64})` \| [^,]+, (.*) \|$",
                    (VENDOR / "README.md").read_text(), re.MULTILINE)  # fmt: skip
MARKUP = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\b")
CREDIT = "https://www.tradingview.com/"


def test_vendored_files_are_unchanged() -> None:
    assert {name: sha256((VENDOR / name).read_bytes()).hexdigest() for name, *_ in LISTED} == {
        name: digest for name, digest, _ in LISTED
    }


def test_every_vendored_file_is_listed_with_its_licence() -> None:
    licences = {name for *_, kept in LISTED for name in re.findall(r"`([^`]+)`", kept)}
    there = {path.name for path in VENDOR.iterdir()} - {"README.md"}
    assert there == {name for name, *_ in LISTED} | licences
    assert len(LISTED) == 2


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_our_files_make_no_markup_and_name_no_other_host(path: object) -> None:
    text = (FILES / str(path)).read_text()
    assert not MARKUP.search(text)
    hosts = re.findall(r"""["'(](?:https?:)?//[^"')\s]+""", text)
    assert {host.strip("\"'(") for host in hosts} <= {CREDIT, "http://www.w3.org/2000/svg"}
    assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son[a-z]+=", text)


def test_the_licence_of_the_charts_is_kept() -> None:
    page = (FILES / "index.html").read_text()
    assert "TradingView Lightweight Charts" in page
    assert f'href="{CREDIT}"' in page
