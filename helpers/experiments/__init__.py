"""What runs leave behind: folders, checkpoints and records; and sweeps of many runs."""

from helpers.experiments.load import LoadedModel, find_checkpoint, load_model
from helpers.experiments.records import (
    RECORDS,
    load_record,
    load_reference_logits,
    merge_records,
    new_record,
    save_record,
    table,
)
from helpers.experiments.run_folder import RunFolder, new_folder
from helpers.experiments.sweeps import grid, run_seed, sweep

__all__ = [
    "LoadedModel", "RECORDS", "RunFolder", "find_checkpoint", "grid", "load_model", "load_record",
    "load_reference_logits", "merge_records", "new_folder", "new_record", "run_seed", "save_record", "sweep", "table",
]
