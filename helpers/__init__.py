"""Shared code of the notebook series: data → models → training → experiments → analysis → plots."""

from helpers.compat import mend_torchvision

mend_torchvision()
