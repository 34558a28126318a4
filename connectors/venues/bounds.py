"""What a frame's numbers and names may be, so that every event made of them can be written."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

Id = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]
Milliseconds = Annotated[int, Meta(ge=0, le=((1 << 63) - 1) // 1_000_000)]
IdText = Annotated[str, Meta(pattern="^[0-9]{1,18}$")]
Symbol = Annotated[str, Meta(pattern="^[A-Za-z0-9]+([-_/][A-Za-z0-9]+)*$", max_length=40)]
