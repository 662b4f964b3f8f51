"""The command line: one module for each command, or for those that belong together."""

from cletus.cli.main import main
from cletus.cli.run import run_service

__all__ = ["main", "run_service"]
