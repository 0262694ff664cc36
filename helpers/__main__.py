"""Script mode: train, evaluate and predict from the command line. Each command has its own --help.

    python -m helpers train --preset s10 --num-epochs 24        runs/s10/<time>/
    python -m helpers train --preset s10 --resume               goes on where it stopped
    torchrun --nproc_per_node=2 -m helpers train --preset best  the same on two processes
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import fields

from helpers import commands, distributed
from helpers.augment import BATCH_AUGMENTS, MIXES
from helpers.config import TrainConfig, field_help
from helpers.env import PRECISIONS
from helpers.models import MODELS
from helpers.optim import OPTIMIZERS, SCHEDULERS
from helpers.presets import PRESETS
from helpers.train import DivergedError


def _sizes(text: str) -> tuple:
    """``0:24,16:32`` → ((0, 24), (16, 32))."""
    return tuple(tuple(int(number) for number in pair.split(":")) for pair in text.split(",") if pair)


TABLES = {"dataset": ("cifar10", "cifar100"), "model": MODELS, "optimizer": OPTIMIZERS, "scheduler": SCHEDULERS,
          "mix": MIXES, "augment": BATCH_AUGMENTS, "precision": PRECISIONS}


def _meaning(name: str, default, text: str) -> str:
    """Help on one field: its comment, the names that a table knows, how to write pairs, the default."""
    if name in TABLES:
        text = f"{text.split(', see ')[0]}: " if not text.startswith(("see", '"')) else ""
        text += f"one of {', '.join(TABLES[name])}"
    if name == "image_sizes":
        text, default = f"{text}; as 0:24,16:32", default or "full size"
    return f"{text} (default: {default})".replace("%", "%%")


def _add_config(parser: argparse.ArgumentParser) -> None:
    """Every field of `TrainConfig` as an option; what is not given stays as the preset has it."""
    parser.add_argument("--preset", choices=sorted(PRESETS), help="recipe to begin with (default: best)")
    group = parser.add_argument_group("fields of TrainConfig")
    meaning = field_help()
    for field in fields(TrainConfig):
        names = [f"--{field.name.replace('_', '-')}"] + (["--epochs"] if field.name == "num_epochs" else [])
        about = {"dest": field.name, "default": argparse.SUPPRESS,
                 "help": _meaning(field.name, field.default, meaning[field.name])}
        if field.type == "bool":
            group.add_argument(*names, action=argparse.BooleanOptionalAction, **about)
        else:
            kind = {"int": int, "float": float, "tuple": _sizes}.get(field.type, str)
            group.add_argument(*names, type=kind, metavar=field.type.upper(), **about)


def _add_checkpoint(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--experiment", default="best", help="name of the run folders to search (default: best)")
    parser.add_argument("--which", choices=("newest", "best"), default="best", help="which of them (default: best)")
    parser.add_argument("--checkpoint", help="path of a checkpoint, instead of a search")


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m helpers", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    subparsers = parser.add_subparsers(dest="command", required=True)

    def add(run, name: str, text: str) -> argparse.ArgumentParser:
        one = subparsers.add_parser(name, help=text, description=text)
        one.set_defaults(run=run)
        return one

    one = add(commands.train, "train", "train a model; saves to runs/<experiment>/<time>/ after every epoch")
    one.add_argument("--experiment", help="name of the run folder (default: the preset's, else best, or the model's)")
    one.add_argument("--all", action="store_true", help="train on all images; open the test set at the end")
    one.add_argument("--resume", nargs="?", const="newest", metavar="newest|best|PATH",
                     help="continue the newest run of the experiment, or the best, or a checkpoint")
    _add_config(one)
    one = add(commands.evaluate, "evaluate", "loss and accuracy of a checkpoint")
    _add_checkpoint(one)
    one.add_argument("--split", choices=("val", "test"), default="val", help="images to evaluate on (default: val)")
    one = add(commands.predict, "predict", "predict a hidden test file and write predictions.csv")
    one.add_argument("file", help="pickle of {b'data': uint8 images, b'ids': …}")
    _add_checkpoint(one)
    one.add_argument("--top", type=int, default=1, help="mean logits of the run's best checkpoints (default: 1)")
    one.add_argument("--flip", action="store_true", help="add each image's mirror image (test-time augmentation)")
    one = add(commands.lr_range_test, "lr-range-test", "suggest a learning rate")
    one.add_argument("--steps", type=int, default=100, help="optimizer updates (default: 100)")
    _add_config(one)
    one = add(commands.reference, "reference", "train the reference recipe; minutes on a GPU, hours on a laptop")
    one.add_argument("--seeds", type=int, nargs="+", default=[0], help="one run each (default: 0)")
    one = add(commands.results, "results", "print the results table from the committed records")
    one.add_argument("--write", action="store_true", help="also write it, and the bench table, into README.md")
    one = add(commands.bench, "bench", "images per second, the plain way and ours, in one run")
    one.add_argument("--steps", type=int, default=4, help="optimizer updates a measurement (default: 4)")
    one.add_argument("--repeats", type=int, default=3, help="counted measurements of each, in turn (default: 3)")
    one.add_argument("--write", action="store_true", help="write the committed record instead of runs/records/")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns 0, 1 after a diverged training, 2 for bad input, 130 after Ctrl-C."""
    arguments = make_parser().parse_args(argv)
    try:
        arguments.run(arguments)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except DivergedError as error:
        print(f"diverged: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt as stopped:
        print(f"stopped: {stopped}", file=sys.stderr)
        return 130
    finally:
        distributed.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
