"""All figures of the series: numpy and matplotlib only."""

from helpers.plots.captions import caption
from helpers.plots.curves import (
    plot_bars,
    plot_calibration,
    plot_histogram,
    plot_history,
    plot_lines,
    plot_range_test,
    plot_reliability,
    plot_schedule,
    plot_tradeoff,
)
from helpers.plots.diagrams import Part, places, plot_network, plot_slopes
from helpers.plots.export import save_figure
from helpers.plots.grids import plot_confusion, plot_grouped_confusion, plot_maps, plot_matrix
from helpers.plots.images import plot_before_after, plot_class_grid, plot_label_bars, plot_predictions, show_images
from helpers.plots.style import as_figure, stamp, use_style
from helpers.plots.surfaces import plot_contours, plot_paths, plot_surface
from helpers.plots.sweeps import plot_bands, plot_differences, plot_hill
from helpers.plots.waterfall import plot_waterfall
from helpers.plots.words import spoken

__all__ = [
    "Part", "as_figure", "caption", "places", "plot_bands", "plot_bars", "plot_before_after", "plot_calibration",
    "plot_class_grid", "plot_confusion", "plot_contours", "plot_differences", "plot_grouped_confusion", "plot_hill",
    "plot_histogram", "plot_history", "plot_label_bars", "plot_lines", "plot_maps", "plot_matrix", "plot_network",
    "plot_paths", "plot_predictions", "plot_range_test", "plot_reliability", "plot_schedule", "plot_slopes",
    "plot_surface", "plot_tradeoff", "plot_waterfall", "save_figure", "show_images", "spoken", "stamp", "use_style",
]
