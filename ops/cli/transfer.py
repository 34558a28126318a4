"""`tape transfer announce | opening`: money that comes and goes, as events with evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ops.cli._output import Form, Output, columns, emit, warn

if TYPE_CHECKING:
    from connectors.control import Decided

Account = Annotated[str, typer.Argument(help="account at the venue")]
Person = Annotated[str, typer.Option(help="who says so")]
Reason = Annotated[str, typer.Option(help="why, in your own words")]
Unlisted = Annotated[bool, typer.Option("--unlisted", help="also what no limits or caps name")]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    group = typer.Typer(help="Money that comes and goes.", no_args_is_help=True)
    # A quantity may be negative: what begins with a minus and is no option is an argument.
    group.command(context_settings={"ignore_unknown_options": True})(announce)
    group.command()(opening)
    app.add_typer(group, name="transfer")


def announce(
    account: Account,
    asset: Annotated[str, typer.Argument(help="for example USDT")],
    qty: Annotated[str, typer.Argument(help="what came; negative is what went")],
    person: Person,
    reason: Reason,
    evidence: Annotated[str, typer.Option(help="what shows it: a statement, a ticket")],
    transfer_id: Annotated[str, typer.Option("--id", help="said twice it counts once")] = "",
    unlisted: Unlisted = False,
    output: Output = Form.TEXT,
) -> None:
    """A deposit or a withdrawal."""
    from ops.processes.transfers import Doubtful, Word
    from ops.processes.transfers import announce as announced
    from ops.settings import load
    from schemas.numbers import exact

    word, doubtful = Word(person, reason, evidence), Doubtful(warn, unlisted)
    show([announced(account, asset, exact(qty), word, load(), doubtful, transfer_id)], output)


def opening(
    account: Account,
    person: Person,
    reason: Reason,
    unlisted: Unlisted = False,
    output: Output = Form.TEXT,
) -> None:
    """What the venue holds before an account trades on this log, as the watching key sees it."""
    from ops.processes.transfers import Doubtful, announce_opening
    from ops.settings import load

    show(announce_opening(account, person, reason, load(), Doubtful(warn, unlisted)), output)


def show(found: list[Decided], output: Form) -> None:
    from pipelines.exact import plain
    from schemas.json_form import to_json

    rows = [(one.event.asset, plain(one.event.qty), one.event.transfer_id) for one in found]
    text = columns([("asset", "qty", "id"), *rows]) if rows else "nothing to announce"
    emit(output, [{"offset": one.offset, **to_json(one.event)} for one in found], text)
