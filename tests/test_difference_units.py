"""A paired difference is told, and drawn, in the unit of what was measured."""

import matplotlib
import numpy as np
import pytest

matplotlib.use("Agg")

from helpers.analysis.statistics import Difference  # noqa: E402
from helpers.plots import plot_differences  # noqa: E402

GAINS = (0.1, 0.2, 0.3)
GAIN = Difference(0.2, -0.048, 0.448, 0.07, (0, 1, 2), GAINS, 0)


def of(metric):
    return GAIN._replace(metric=metric)


@pytest.mark.parametrize("metric", ["val_accuracy", "train_accuracy_augmented", "test_top5_accuracy", "val_ece",
                                    "val_confidence", "generalization_gap"])
def test_a_share_is_told_in_points(metric):
    assert str(of(metric)).startswith("+20.0 points, 95 % from -4.8 to +44.8, n = 3")


@pytest.mark.parametrize(("metric", "unit"), [("val_loss", "in loss"), ("tta_val_loss", "in loss"),
                                              ("sharpness_0.5", "in sharpness_0.5"), ("seconds", "in seconds")])
def test_what_is_no_share_is_told_in_its_own_unit(metric, unit):
    assert str(of(metric)).startswith(f"+0.200 {unit}, 95 % from -0.048 to +0.448, n = 3")
    two = of(metric)._replace(seeds=(0, 1), by_seed=GAINS[:2])
    assert str(two) == f"this record cannot tell (n = 2, it takes 3): +0.100 and +0.200 {unit}"


@pytest.mark.parametrize(("metric", "scale", "label"), [("val_ece", 100, "percentage points gained"),
                                                        ("sharpness_0.5", 1, "gained in sharpness_0.5")])
def test_the_axis_has_the_unit_of_the_sentence(metric, scale, label):
    ax = plot_differences(["a"], [of(metric)])
    assert np.ravel(ax.lines[0].get_xdata()).tolist() == pytest.approx([scale * gain for gain in GAINS])
    assert ax.get_xlabel() == label
    with pytest.raises(ValueError, match="one axis cannot show both"):
        plot_differences(["a", "b"], [of(metric), of("val_loss")])
