"""``python -m helpers``: see `helpers.cli`."""

import sys

from helpers.cli.options import main

if __name__ == "__main__":
    sys.exit(main())
