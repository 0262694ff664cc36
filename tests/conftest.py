"""Import the package first: it mends torchvision for the tests that import torchvision themselves."""

import helpers  # noqa: F401
