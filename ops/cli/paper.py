"""`tape paper`: the desk on live market data, its orders at the simulated venue."""

from __future__ import annotations

from typing import Annotated

import typer

Feed = Annotated[
    str | None,
    typer.Option(help="market data of a tape feed, ws://HOST:PORT, in place of the venues'"),
]
Seconds = Annotated[float | None, typer.Option(help="end by itself; default: until Ctrl-C", min=0)]


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(paper)


def paper(feed: Feed = None, seconds: Seconds = None) -> None:
    """Trade live market data at the simulated venue, until Ctrl-C. No real order is ever sent.

    The desk is the one of TAPE_CONFIG, else ops/desk/example; its log lies in <run folder>/paper.
    """
    from ops.desk.paper import run_paper
    from ops.settings import load
    from ops.stack.progress import Bars

    with Bars() as bars:
        code = run_paper(load().run_dir / "paper", feed, seconds, bars)
    raise typer.Exit(code)
