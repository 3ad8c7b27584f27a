"""The `liandu` command. Each group is a module of services.operator.commands, registered here."""

import typer

from services.operator.commands import (
    backup,
    clock,
    connect,
    dead_letters,
    demo,
    imports,
    outbound,
    robots,
    run,
    streams,
    token,
    topics,
)

app = typer.Typer(
    name="liandu",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
    help="Liandu 链督: run the platform on one machine and operate it.",
)
app.command()(run.run)
app.command()(run.stop)
app.command()(run.start)
app.command()(run.migrate)
app.command()(run.kafka)
app.command()(run.secrets)
app.command()(backup.backup)
app.command()(backup.restore)
app.command()(demo.demo)
app.command()(token.token)
app.command()(robots.robots)
app.command()(connect.connect_robots)
app.command("import")(imports.import_workbook)
app.command("sample-workbook")(imports.sample_workbook)
app.add_typer(topics.app, name="topics")
app.add_typer(clock.app, name="clock")
app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(streams.app, name="streams")
app.add_typer(outbound.app, name="outbound")


def main() -> None:
    app(prog_name="liandu")


if __name__ == "__main__":
    main()
