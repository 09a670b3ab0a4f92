"""The command `beamsplitter`: one file for each of its commands."""

import click

from gateway.cli.check import check
from gateway.cli.explain import explain
from gateway.cli.init import init
from gateway.cli.keys import keys
from gateway.cli.models import models
from gateway.cli.serve import serve
from gateway.cli.version import installed, version


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(installed("beamsplitter"), message="beamsplitter %(version)s")
def main() -> None:
    """Route AI image requests: one request format, any provider, configs you can read.

    \b
    To begin without any key:
      beamsplitter init configs
      beamsplitter serve --configs configs
    """  # noqa: D301 - click keeps the lines below a \b as they are


for command in (serve, check, explain, init, keys, models, version):
    main.add_command(command)
