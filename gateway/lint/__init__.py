"""What is legal in a config and hardly meant: rules, each with a name, its reasons and examples."""

from gateway.lint.ground import Linted
from gateway.lint.rule import Rule
from gateway.lint.rules import RULES, lint, lint_gateway_file

__all__ = ["RULES", "Linted", "Rule", "lint", "lint_gateway_file"]
