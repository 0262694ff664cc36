"""What a trained network's answers say: errors, calibration, intervals, hidden test files."""

from helpers.analysis.calibration import fit_temperature, reliability
from helpers.analysis.errors import confusion_matrix, most_confused, per_class_accuracy
from helpers.analysis.hidden_test import load_ensemble, predict_images, read_hidden_test, write_predictions
from helpers.analysis.predict import confidences, predict_logits
from helpers.analysis.statistics import wilson_interval
from helpers.analysis.unpickle import RestrictedUnpickler, read_pickle

__all__ = [
    "RestrictedUnpickler", "confidences", "confusion_matrix", "fit_temperature", "load_ensemble",
    "most_confused", "per_class_accuracy", "predict_images", "predict_logits", "read_hidden_test",
    "read_pickle", "reliability", "wilson_interval", "write_predictions",
]
