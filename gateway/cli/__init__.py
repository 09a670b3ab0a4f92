"""The command `beamsplitter`: one file for each of its commands."""

import click

from gateway.cli.check import check
from gateway.cli.explain import explain
from gateway.cli.init import init
from gateway.cli.models import models
from gateway.cli.serve import serve
from gateway.cli.version import version


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Route AI image requests: one request format, any provider, configs you can read."""


for command in (serve, check, explain, init, models, version):
    main.add_command(command)
