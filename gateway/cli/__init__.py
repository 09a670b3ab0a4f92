"""The command `beamsplitter`: one file for each of its commands."""

import click

from gateway.cli.serve import serve


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Route AI image requests: one request format, any provider, configs you can read."""


main.add_command(serve)
