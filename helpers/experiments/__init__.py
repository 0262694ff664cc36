"""What runs leave behind: folders, checkpoints and records; and sweeps of many runs."""

from helpers.experiments.load import LoadedModel, find_checkpoint, load_model
from helpers.experiments.records import (
    RECORDS,
    curves_of,
    load_record,
    load_reference_logits,
    merge_records,
    new_record,
    of_seeds,
    runs_of,
    save_record,
    settings_of,
    table,
)
from helpers.experiments.run_folder import RunFolder, new_folder
from helpers.experiments.sweeps import grid, run_seed, sweep

__all__ = [
    "LoadedModel", "RECORDS", "RunFolder", "curves_of", "find_checkpoint", "grid", "load_model", "load_record",
    "load_reference_logits", "merge_records", "new_folder", "new_record", "of_seeds", "run_seed", "runs_of",
    "save_record", "settings_of", "sweep", "table",
]
