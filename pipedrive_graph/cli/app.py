"""The group of all commands. A command is imported when it is called, so `--help` starts quickly."""

from __future__ import annotations

from importlib import import_module

import click
from click.shell_completion import CompletionItem

from pipedrive_graph._version import __version__
from pipedrive_graph.cli import suggestions
from pipedrive_graph.cli.arguments import check
from pipedrive_graph.cli.commands.completion import COMPANY

_COMMANDS = {
    "demo": "Run the whole pipeline on a simulated company; no account needed.",
    "sync": "Collect the companies, build, check and publish: the nightly run.",
    "login": "Authorise an OAuth app instead of using an API token.",
    "plan": "Estimate how many requests, tokens and seconds a collection takes.",
    "doctor": "Check what the next sync needs; change nothing.",
    "visibility": "Check the model of who can see what against Pipedrive.",
    "status": "Show how the last runs ended, for people and health checks.",
    "verify": "Check every stored file and table for damage.",
    "findings": "List the findings, worst first, or show one finding in full.",
    "waive": "Accept a finding for a time, with a reason.",
    "ack": "Acknowledge an event that was looked into.",
    "review": "Run an access review: the owners of roles decide who keeps access.",
    "alerts": "Send the alerts that are due, or a test over each channel.",
    "rebuild": "Rebuild the warehouse from the landing and the journals, and publish it.",
    "backup": "Write everything that cannot be rebuilt into one archive.",
    "restore": "Restore a backup into an empty home folder, and rebuild the rest.",
    "forget": "Delete old data, a person or a company for good; without --yes, only list it.",
    "report": "Write the access report, one HTML file per company.",
    "changes": "List what changed between snapshots.",
    "sql": "Query the published file, read-only, or list its tables.",
    "explore": "Answer ten questions about the published file in a notebook, with charts.",
    "export": "Export tables, graph or findings for other programs, such as Excel, Neo4j or a SIEM.",
    "dagster": "Run Dagster's web page and its daemon on this machine.",
    "simulate": "Serve a simulated Pipedrive company until interrupted.",
}
"""The commands, in the order in which a newcomer needs them."""


_COMPLETES_COMPANY = click.Command(
    "any",
    params=[click.Option(["--company"], type=COMPANY)],
    context_settings={"ignore_unknown_options": True},
)
"""Replaces any command while the shell completes a company's name, because importing the command is slow."""


class _Lazy(click.Group):
    """A group that knows the names of its commands, and imports one when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = import_module(f"pipedrive_graph.cli.commands.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in _COMMANDS and not args[0].startswith("-") and not ctx.resilient_parsing:
            raise suggestions.unknown_command(args[0], _COMMANDS, ctx)
        if ctx.resilient_parsing and args[0] in _COMMANDS and args[-1] == "--company":
            return args[0], _COMPLETES_COMPANY, args[1:]
        name, command, rest = super().resolve_command(ctx, args)
        if command is not None and name is not None and not ctx.resilient_parsing:
            check(command, name, rest, ctx)
        return name, command, rest

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete a command's name without importing any command."""
        items = [
            CompletionItem(name, help=text) for name, text in _COMMANDS.items() if name.startswith(incomplete)
        ]
        return [*items, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="%(prog)s %(version)s")
def group() -> None:
    """The identity graph of a Pipedrive company: who has which access, and which access is a risk."""
