"""How a network is trained: configuration, optimizer, schedule, checkpoints, and `fit`."""

# The function `fit` hides the file of its name, which is imported from in full all the same:
# ``from helpers.training.fit import …``.
from helpers.training.checkpoints import (
    CheckpointFile,
    load_checkpoint,
    load_weights,
    restore_rng_state,
    rng_state,
    save_checkpoint,
)
from helpers.training.config import RECIPE_VERSION, TrainConfig, field_help
from helpers.training.fit import DivergedError, History, evaluate, fit
from helpers.training.muon import Muon, orthogonalize
from helpers.training.optimizers import OPTIMIZERS, make_optimizer
from helpers.training.presets import PRESETS, get_preset
from helpers.training.range_test import RangeTest, lr_range_test, suggest_lrs
from helpers.training.schedules import SCHEDULERS, freeze_finished, make_scheduler

__all__ = [
    "CheckpointFile", "DivergedError", "History", "Muon", "OPTIMIZERS", "PRESETS", "RECIPE_VERSION", "RangeTest",
    "SCHEDULERS", "TrainConfig", "evaluate", "field_help", "fit", "freeze_finished", "get_preset",
    "load_checkpoint", "load_weights", "lr_range_test", "make_optimizer", "make_scheduler", "orthogonalize",
    "restore_rng_state", "rng_state", "save_checkpoint", "suggest_lrs",
]
