"""``python -m helpers``: see `helpers.script`."""

import sys

from helpers.script.options import main

if __name__ == "__main__":
    sys.exit(main())
