"""Writes every dashboard beside this file."""

from __future__ import annotations

from ops.monitoring.dashboards.pages import FOLDER, pages

if __name__ == "__main__":
    for name, text in pages().items():
        (FOLDER / name).write_text(text)
