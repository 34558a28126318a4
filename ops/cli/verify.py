"""`tape verify`: an archived day against its signature, with the archive and a public key alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ops.cli._output import Form, Output, emit

if TYPE_CHECKING:
    from replay.verify.findings import Audit

FINDING = 1
SHOWN = 50


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(verify)


def verify(
    date: Annotated[
        list[str] | None,
        typer.Option("--date", help="a UTC day; may be repeated; default: every closed one"),
    ] = None,
    public_key: Annotated[
        Path | None, typer.Option("--public-key", help="in PEM; default: the run folder's own")
    ] = None,
    root: Annotated[
        str | None, typer.Option("--archive", help="another archive; default: the setting's")
    ] = None,
    output: Output = Form.TEXT,
) -> None:
    """Verify archived days: signatures, every file, offsets, the hash chain over epochs, and the
    rows that epochs read and wrote.

    Exit code 0: nothing found. 1: every finding is shown with its place. 2: could not run.
    """
    from ops.processes.auditing import audit_days
    from ops.settings import load
    from ops.stack.progress import Bars

    with Bars() as bars:
        audits = audit_days(load(), date or (), public_key, root, bars)
    emit(output, [as_json(a) for a in audits], "\n".join(as_text(a) for a in audits))
    if not all(audit.clean for audit in audits):
        raise typer.Exit(FINDING)


def as_json(audit: Audit) -> dict[str, Any]:
    findings = [finding._asdict() for finding in audit.findings]
    return {**vars(audit), "findings": findings, "clean": audit.clean}


def as_text(audit: Audit) -> str:
    found = len(audit.findings)
    head = (
        f"{audit.day}: {audit.files} files, {audit.rows} rows, {audit.epochs} epochs with "
        f"{audit.inputs} rows read and {audit.outputs} written, {audit.snapshots} snapshots, "
        f"{audit.days} days in the chain: {found or 'no'} finding{'s' * (found != 1)}"
    )
    lines = [f"  {finding}" for finding in audit.findings[:SHOWN]]
    more = [f"  ... and {found - SHOWN} more"] if found > SHOWN else []
    return "\n".join([head, *(f"  note: {note}" for note in audit.notes), *lines, *more])
