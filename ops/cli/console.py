"""`tape console`: the desk in a browser."""

from __future__ import annotations

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(console)


def console(
    host: Annotated[str, typer.Option(help="address to listen on; nobody is asked who he is")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(help="port; 0: a free one", min=0, max=65535)] = 8700,
    root: Annotated[
        str | None, typer.Option("--archive", help="a folder, or s3://bucket/prefix")
    ] = None,
) -> None:
    """Show the desk in a browser, now and at any archived minute, until SIGTERM.

    It can decide one thing: a kill, which needs the token in the URL that is printed.
    """
    from ops.console.serving import run_console
    from ops.settings import load

    settings = load()
    if root is not None:
        settings = settings.with_archive(root)
    raise typer.Exit(run_console(settings, host, port, lambda url: print(url, flush=True)))
