"""Shared code of the notebook series: data → augment → model → train → record → plot → figure."""

from helpers.compat import mend_torchvision

mend_torchvision()
