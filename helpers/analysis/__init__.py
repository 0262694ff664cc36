"""What a trained network's answers say: errors, calibration, intervals, hidden test files."""

from helpers.analysis.calibration import chance_ece, fit_temperature, reliability
from helpers.analysis.class_record import merge_class
from helpers.analysis.errors import confusion_matrix, most_confused, per_class_accuracy
from helpers.analysis.evidence import accuracy_by_rank, occlusion_map
from helpers.analysis.filters import (
    color_opponency,
    equally_smooth_filters,
    feature_maps,
    keeping_outputs,
    maximize_filter,
    orientation_selectivity,
    random_filters,
    without_filters,
)
from helpers.analysis.hidden_test import load_ensemble, predict_images, read_hidden_test, write_predictions
from helpers.analysis.landscape import loss_along, loss_surface, random_direction
from helpers.analysis.predict import confidences, predict_logits
from helpers.analysis.report import compare_run, report
from helpers.analysis.statistics import (
    Difference,
    Interval,
    SignTest,
    difference,
    mean_interval,
    new_run_interval,
    over_seeds,
    predict_new_run,
    sign_test,
    wilson_interval,
)
from helpers.analysis.unpickle import RestrictedUnpickler, read_pickle

__all__ = [
    "Difference", "Interval", "RestrictedUnpickler", "SignTest", "accuracy_by_rank", "chance_ece", "color_opponency",
    "compare_run", "confidences", "confusion_matrix", "difference", "equally_smooth_filters", "feature_maps",
    "fit_temperature", "keeping_outputs", "load_ensemble", "loss_along", "loss_surface", "maximize_filter",
    "mean_interval", "merge_class", "most_confused", "new_run_interval", "occlusion_map",
    "orientation_selectivity", "over_seeds", "per_class_accuracy", "predict_images", "predict_logits",
    "predict_new_run", "random_direction", "random_filters", "read_hidden_test", "read_pickle", "reliability", "report",
    "sign_test", "wilson_interval", "without_filters", "write_predictions",
]
