"""Script mode: train, evaluate and predict from the command line. Each command has its own --help.

    python -m helpers train --preset s10 --num-epochs 24        runs/s10/<time>/
    python -m helpers train --preset s10 --resume               goes on where it stopped
    torchrun --nproc_per_node=2 -m helpers train --preset best  the same on two processes
"""

import argparse
import contextlib
import os
import re
import sys
import warnings
from dataclasses import Field, fields

from helpers import distributed
from helpers.cli import commands
from helpers.data.augment import BATCH_AUGMENTS
from helpers.data.mixing import MIXES
from helpers.env import PRECISIONS
from helpers.models.registry import MODELS
from helpers.training.config import TrainConfig, field_help
from helpers.training.fit import DivergedError
from helpers.training.optimizers import OPTIMIZERS
from helpers.training.presets import PRESETS
from helpers.training.schedules import SCHEDULERS

TABLES = {"model": MODELS, "optimizer": OPTIMIZERS, "scheduler": SCHEDULERS, "mix": MIXES, "augment": BATCH_AUGMENTS,
          "precision": PRECISIONS}


def pairs(text: str) -> tuple:
    """``0:24,16:32`` → ((0, 24), (16, 32))."""
    return tuple(_pair(part) for part in text.split(",") if part)


def _pair(text: str) -> tuple[int, int]:
    """``16:32`` → (16, 32)."""
    numbers = re.fullmatch(r"\s*(\d+):(\d+)\s*", text)
    if not numbers:
        raise argparse.ArgumentTypeError(f"{text!r}: give first epoch and size of each, as 0:24,16:32")
    return int(numbers[1]), int(numbers[2])


def seed_ranges(text: str) -> list[int]:
    """``100-102,110`` → [100, 101, 102, 110]."""
    seeds = []
    for part in text.split(","):
        seeds.extend(_seed_range(part))
    return seeds


def _seed_range(text: str) -> range:
    """``100-102`` → 100, 101, 102; ``110`` → 110 alone."""
    ends = re.fullmatch(r"\s*(\d+)(?:-(\d+))?\s*", text)
    if not ends:
        raise argparse.ArgumentTypeError(f"{text!r}: give seeds and ranges of seeds, as 100-129,140")
    first = int(ends[1])
    last = int(ends[2] or first)
    if first > last:
        raise argparse.ArgumentTypeError(f"{text!r}: the first seed is larger than the last; give {last}-{first}")
    return range(first, last + 1)


def _add_config(parser: argparse.ArgumentParser) -> None:
    """Every field of `TrainConfig` as an option; what is not given stays as the preset has it."""
    parser.add_argument("--preset", choices=sorted(PRESETS), help="recipe to begin with (default: best)")
    group = parser.add_argument_group("fields of TrainConfig")
    for field in fields(TrainConfig):
        names = [f"--{field.name.replace('_', '-')}"]
        if field.name == "num_epochs":
            names.append("--epochs")
        group.add_argument(*names, dest=field.name, default=argparse.SUPPRESS, help=_help_of(field), **_kind_of(field))


def _help_of(field: Field) -> str:
    """The meaning of a field, the names to choose from where there is a table of them, and the default."""
    meaning = field_help()[field.name].partition("see ")[0]
    if field.name in TABLES:
        meaning += f"one of {', '.join(TABLES[field.name])}"
    return f"{meaning} (default: {field.default})".replace("%", "%%")


def _kind_of(field: Field) -> dict:
    """How argparse reads a field of this type."""
    if field.type == "bool":
        return {"action": argparse.BooleanOptionalAction}
    readers = {"int": int, "float": float, "tuple": pairs}
    return {"type": readers.get(field.type), "metavar": field.type.upper()}


def _add_checkpoint(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--experiment", default="best", help="name of the run folders to search (default: best)")
    parser.add_argument("--which", choices=("newest", "best"), default="best", help="which of them (default: best)")
    parser.add_argument("--checkpoint", help="path of a checkpoint, instead of a search")


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m helpers", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    subparsers = parser.add_subparsers(dest="command", required=True)

    def add(run, text: str, *shared):
        """The parser of a command, named after its function; returns its method that adds an option."""
        name = run.__name__.removesuffix("_command").replace("_", "-")
        one = subparsers.add_parser(name, help=text, description=text)
        one.set_defaults(run=run)
        for add_options in shared:
            add_options(one)
        return one.add_argument

    option = add(commands.train_command, "train a model; saves to runs/<experiment>/<time>/ after every epoch",
                 _add_config)
    option("--experiment", help="name of the run folder (default: the preset's, else best, or the model's)")
    option("--all", action="store_true", help="train on all images; open the test set at the end")
    option("--resume", nargs="?", const="newest", metavar="newest|best|PATH",
           help="continue the newest run of the experiment, or the best, or a checkpoint")
    option = add(commands.evaluate_command, "loss and accuracy of a checkpoint", _add_checkpoint)
    option("--split", choices=("val", "test"), default="val", help="images to evaluate on (default: val)")
    option = add(commands.predict_command, "predict a hidden test file and write predictions.csv", _add_checkpoint)
    option("file", help="pickle of {b'data': uint8 images, b'ids': …}")
    option("--top", type=int, default=1, help="mean logits of the run's best checkpoints (default: 1)")
    option("--flip", action="store_true", help="add each image's mirror image (test-time augmentation)")
    option = add(commands.lr_range_test_command,
                 "suggest a learning rate; sizes, clipping, schedule play no part", _add_config)
    option("--steps", type=int, default=100, help="optimizer updates (default: 100)")
    option = add(commands.results_command, "print the results table, or what may be reported of one record")
    option("record", nargs="?", help="name of a record: yours in runs/records/, or a committed one")
    option("--write", action="store_true",
           help="also write it into README.md, the tables of all records into figures/records/README.md, and what a "
                "class should see into notebooks/README.md")
    _add_reference(add)
    _add_merge(add)
    _add_bench(add)
    return parser


def _add_reference(add) -> None:
    option = add(commands.reference_command,
                 "train recipes on all images, in turn; minutes on a GPU, hours on a laptop")
    option("--preset", nargs="+", choices=sorted(PRESETS), default=["best"], help="the recipes (default: best)")
    option("--seeds", type=int, nargs="+", default=[0], help="one run each (default: 0)")
    option("--label-smoothing", type=float, metavar="FLOAT",
           help="instead of the recipe's; its record is then called <recipe>_label_smoothing_<value>")


def _add_merge(add) -> None:
    option = add(commands.merge_command, "merge the records that a class hands in, and say what fits and what does not")
    option("file", nargs="+", help="a record of each student")
    option("--out", required=True, help="file to write the merged record to")
    option("--seeds", type=seed_ranges, metavar="100-129",
           help="the seeds that were assigned: others are left out, missing ones named")


def _add_bench(add) -> None:
    option = add(commands.bench_command, "seconds per epoch of several recipes, beside a matrix product")
    option("--suite", choices=("speed",), default="speed", help="what to measure (default: speed)")
    option("--steps", type=int, default=3, help="optimizer updates per measurement (default: 3)")
    option("--repeats", type=int, default=3, help="counted measurements of each, in turn (default: 3)")
    option("--write", action="store_true", help="write the committed record instead of runs/records/")


def check_processes(command: str) -> None:
    """Refuse what would do its work once in each of torchrun's processes."""
    if command not in ("train", "results") and int(os.environ.get("WORLD_SIZE", 1)) > 1:
        raise ValueError(f"{command} runs in one process, WORLD_SIZE is {os.environ['WORLD_SIZE']}: start it with "
                         f"`python -m helpers {command}`, without torchrun")


@contextlib.contextmanager
def one_line_warnings():
    """Context in which a warning is one line, without the source that it comes from."""
    usual = warnings.formatwarning
    warnings.formatwarning = lambda message, *details: f"warning: {' '.join(str(message).split())}\n"
    try:
        yield
    finally:
        warnings.formatwarning = usual


def describe_error(error: Exception) -> str:
    """An error in one line, without the number that the system gives it."""
    return re.sub(r"^\[(Errno|WinError) \d+\] ", "", " ".join(str(error).split()))


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns 0, 1 after a diverged training, 2 for bad input, 130 after Ctrl-C."""
    arguments = make_parser().parse_args(argv)
    try:
        check_processes(arguments.command)
        with one_line_warnings():
            arguments.run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever reads has enough, as `head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python complains when it ends
    except DivergedError as error:
        print(f"diverged: {error}", file=sys.stderr)
        return 1
    except (ValueError, OSError, RuntimeError) as error:  # torch's own errors: shapes that do not fit, no memory left
        print(f"error: {describe_error(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as stopped:
        print(f"stopped: {stopped}", file=sys.stderr)
        return 130
    finally:
        distributed.stop()
    return 0
