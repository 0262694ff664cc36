"""Import the package first: it mends torchvision for the tests that import torchvision themselves."""

import signal

import helpers  # noqa: F401

# A shell that starts the tests in the background lets them, and every process that they start, ignore Ctrl-C;
# the tests that send it would wait for ever.
signal.signal(signal.SIGINT, signal.default_int_handler)
