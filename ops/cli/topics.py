"""`tape topics apply | diff`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ops.cli._output import Form, Output, emit

if TYPE_CHECKING:
    from schemas.topic_diff import Difference

Prefix = Annotated[str | None, typer.Option(help="topic prefix, instead of the setting")]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    group = typer.Typer(help="The topics on the broker.", no_args_is_help=True)
    group.command("apply")(apply)
    group.command("diff")(diff)
    app.add_typer(group, name="topics")


def apply(prefix: Prefix = None, output: Output = Form.TEXT) -> None:
    """Create missing topics and settings; refuses, before any change, what could lose records."""
    from ops import topics
    from ops.settings import load
    from schemas.catalog import load_catalog

    settings = load()
    chosen = settings.topic_prefix if prefix is None else prefix
    catalog = load_catalog().within(settings.topic_partitions_max)
    done = topics.apply(settings.kafka_options(), catalog, chosen)
    _print(
        output, done, [f"{one.topic}: {one.what} was {one.broker}, now {one.file}" for one in done]
    )


def diff(prefix: Prefix = None, output: Output = Form.TEXT) -> None:
    """List what differs between the broker and the files. Exit code 1 if anything does."""
    from ops import topics
    from ops.settings import load
    from schemas.catalog import load_catalog

    settings = load()
    chosen = settings.topic_prefix if prefix is None else prefix
    catalog = load_catalog().within(settings.topic_partitions_max)
    found = topics.diff(settings.kafka_options(), catalog, chosen)
    _print(output, found, list(map(str, found)))
    if found:
        raise typer.Exit(1)


def _print(output: Form, found: list[Difference], lines: list[str]) -> None:
    text = "\n".join(lines) or "topics: no difference"
    emit(output, [difference._asdict() for difference in found], text)
