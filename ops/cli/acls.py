"""`tape acls apply | diff`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ops.cli._output import Form, Output, emit

if TYPE_CHECKING:
    from ops.acls import Difference

Prefix = Annotated[str | None, typer.Option(help="topic prefix, instead of the setting")]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    group = typer.Typer(help="Who may write and read which topic.", no_args_is_help=True)
    group.command("apply")(apply)
    group.command("diff")(diff)
    app.add_typer(group, name="acls")


def apply(prefix: Prefix = None, output: Output = Form.TEXT) -> None:
    """Add missing rules. Exit code 1 if there are others than the files'."""
    _compare("apply", prefix, output)


def diff(prefix: Prefix = None, output: Output = Form.TEXT) -> None:
    """List what differs between the broker's rules and the files. Exit code 1 if anything does."""
    _compare("diff", prefix, output)


def _compare(what: str, prefix: str | None, output: Form) -> None:
    from ops import acls
    from ops.settings import load
    from schemas.catalog import load_catalog

    settings = load()
    chosen = settings.topic_prefix if prefix is None else prefix
    found = getattr(acls, what)(settings.kafka_options(), load_catalog(), chosen)
    _print(output, found, "added" if what == "apply" else "missing")
    if any(what == "diff" or each.what != "missing" for each in found):
        raise typer.Exit(1)


def _print(output: Form, found: list[Difference], missing: str) -> None:
    rows = [{"what": each.what, **each.rule._asdict()} for each in found]
    lines = [f"{missing if each.what == 'missing' else each.what}: {each.rule}" for each in found]
    emit(output, rows, "\n".join(lines) or "access: no difference")
