"""`tape schemas check | register`."""

from __future__ import annotations

from typing import Annotated

import typer

from ops.cli._output import Form, Output, columns, emit


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    group = typer.Typer(help="The event schemas and their registry.", no_args_is_help=True)
    group.command("check")(check)
    group.command("register")(register_schemas)
    app.add_typer(group, name="schemas")


def check(output: Output = Form.TEXT) -> None:
    """Check schemas, topics and examples, from the files alone. Exit code 1 with findings."""
    from schemas.check import check as find

    findings = find()
    emit(output, {"findings": findings}, "\n".join(findings) or "schemas: no findings")
    if findings:
        raise typer.Exit(1)


def register_schemas(
    prefix: Annotated[str | None, typer.Option(help="topic prefix, instead of the setting")] = None,
    output: Output = Form.TEXT,
) -> None:
    """Register every event version under each topic that carries it, if it is not there."""
    from ops.settings import load
    from schemas.catalog import load_catalog
    from schemas.registry import Registry
    from schemas.registry import register as send

    settings = load()
    registry = Registry(settings.registry_url(), settings.registry.client_options())
    chosen = settings.topic_prefix if prefix is None else prefix
    done = list(send(registry, load_catalog(), chosen))
    rows = [(r.subject, f"v{r.version}", str(r.id), "new" if r.is_new else "") for r in done]
    text = columns([("subject", "version", "id", ""), *rows])
    emit(output, [registration._asdict() for registration in done], text)
