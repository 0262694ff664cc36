"""Script mode, ``python -m helpers``: the notebooks' code from a command line. Nothing else imports this."""
