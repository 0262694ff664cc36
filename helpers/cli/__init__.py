"""Script mode, ``python -m helpers``: the notebooks' code from a command line. Nothing else imports this."""

from helpers.cli.options import main

__all__ = ["main"]
