"""What runs leave behind: folders, checkpoints and records; and sweeps of many runs."""

from helpers.experiments.load import LoadedModel, find_checkpoint, load_model
from helpers.experiments.records import RECORDS, load_record, load_reference_logits, new_record, save_record
from helpers.experiments.run_folder import RunFolder, new_folder
from helpers.experiments.sweep import compare, run_seed

__all__ = [
    "LoadedModel", "RECORDS", "RunFolder", "compare", "find_checkpoint", "load_model", "load_record",
    "load_reference_logits", "new_folder", "new_record", "run_seed", "save_record",
]
