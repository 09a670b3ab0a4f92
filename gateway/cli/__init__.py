"""The command `beamsplitter`: one file for each of its commands, read when it is asked for."""

import gc
import importlib

import click

from gateway.cli.version import installed

_COMMANDS = ("serve", "check", "explain", "simulate", "init", "keys", "models", "version")


class _Commands(click.Group):
    """Reads the file of a command that is asked for: all of them together take a second."""

    def list_commands(self, _: click.Context) -> list[str]:
        """Return the names, in the order in which people need them."""
        return [*_COMMANDS]

    def get_command(self, _: click.Context, name: str) -> click.Command | None:
        """Return the command of a name."""
        if name not in _COMMANDS:
            return None
        gc.disable()  # what is being read makes no garbage, and to look for some takes a sixth of the time
        try:
            command: click.Command = getattr(importlib.import_module(f"gateway.cli.{name}"), name)
        finally:
            gc.enable()
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(installed("beamsplitter"), message="beamsplitter %(version)s")
def main() -> None:
    """Route AI image requests: one request format, any provider, configs you can read.

    \b
    To begin without any key:
      beamsplitter init configs
      beamsplitter serve --configs configs
    """  # noqa: D301 - click keeps the lines below a \b as they are
