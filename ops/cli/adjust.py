"""`tape adjust`: a position corrected by hand, and the breaks that this explains cleared."""

from __future__ import annotations

from typing import Annotated

import typer

from ops.cli._output import Form, Output, emit, warn
from ops.cli.transfer import Account, Person, Reason, Unlisted


def register(app: typer.Typer) -> None:
    """Adds the command."""
    # A quantity may be negative: what begins with a minus and is no option is an argument.
    app.command(context_settings={"ignore_unknown_options": True})(adjust)


def adjust(
    account: Account,
    instrument: Annotated[str, typer.Argument(help="for example BTCUSDT.BINANCE")],
    qty: Annotated[str, typer.Argument(help="added to the position; negative is taken away")],
    person: Person,
    reason: Reason,
    evidence: Annotated[str, typer.Option(help="what shows it; ids of the breaks it explains")],
    price: Annotated[
        str | None, typer.Option(help="paid per unit; without one nothing is gained or lost")
    ] = None,
    strategy: Annotated[str, typer.Option(help="whose position; default: nobody's")] = "",
    adjustment_id: Annotated[str, typer.Option("--id", help="said twice it counts once")] = "",
    unlisted: Unlisted = False,
    output: Output = Form.TEXT,
) -> None:
    """Correct a position by hand; breaks whose ids stand in the evidence are cleared."""
    from ops.processes import transfers
    from ops.settings import load
    from schemas.json_form import to_json
    from schemas.numbers import exact

    word = transfers.Word(person, reason, evidence)
    paid = None if price is None else exact(price)
    about = (account, strategy, instrument, exact(qty), paid)
    doubtful = transfers.Doubtful(warn, unlisted)
    found = transfers.adjust(*about, word, load(), doubtful, adjustment_id)
    text = f"{instrument}: {qty} by {person}, ops.control.v1/0/{found.offset}"
    emit(output, {"offset": found.offset, **to_json(found.event)}, text)
