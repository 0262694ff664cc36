"""The commands of script mode, one function each; `options` reads what they are given."""

import json
import sys
from dataclasses import fields, replace
from pathlib import Path

from torch import nn

from helpers import distributed
from helpers.analysis.class_record import merge_class
from helpers.analysis.hidden_test import load_ensemble, predict_images, read_hidden_test, write_predictions
from helpers.analysis.predict import confidences
from helpers.analysis.report import compare_record, report_lines
from helpers.cli.bench import run_speed, speed_table
from helpers.cli.expectations import expectations_table
from helpers.cli.reference import choose_recipes, run_reference
from helpers.cli.results import results_table, write_records_page, write_tables
from helpers.data.cifar import describe, load_cifar
from helpers.data.image_set import ImageSet, channel_statistics, split_train_val
from helpers.data.loader import MemoryLoader, make_loaders
from helpers.env import device_name, get_device, seed_everything
from helpers.experiments.load import find_checkpoint, load_model, stored_config
from helpers.experiments.records import RECORDS, load_record, new_record, save_record, write_record
from helpers.experiments.run_folder import RunFolder, check_experiment, new_folder
from helpers.models.protocols import Prepared
from helpers.models.registry import make_model
from helpers.paths import ROOT, run_dir
from helpers.training.checkpoints import load_checkpoint
from helpers.training.config import TrainConfig
from helpers.training.fit import evaluate, fit
from helpers.training.presets import get_preset
from helpers.training.range_test import lr_range_test


def say(text: str) -> None:
    """Print, from one of the processes."""
    if distributed.rank() == 0:
        print(text, flush=True)


def given_fields(arguments) -> dict:
    """Those fields of `TrainConfig` that were given on the command line."""
    return {field.name: vars(arguments)[field.name] for field in fields(TrainConfig) if field.name in arguments}


def read_config(arguments) -> TrainConfig:
    """The preset, with the options that were given on the command line."""
    return replace(get_preset(arguments.preset or "best"), **given_fields(arguments))


def resumed_config(path: Path, arguments) -> TrainConfig:
    """What a run is continued with: its own configuration, unless a preset is given, with the options given."""
    if arguments.preset:
        return read_config(arguments)
    return replace(stored_config(load_checkpoint(path), path), **given_fields(arguments))


def load_data(config: TrainConfig, *, everything: bool):
    """Training images (as many as the configuration asks for) and validation images, or with `everything` none."""
    train = load_cifar(config.dataset, "train")
    train, val = (train, None) if everything else split_train_val(train)
    return train.first(config.train_images), val


def check_data(path: Path, about: dict) -> None:
    """Refuse to continue on other images than those that a checkpoint was trained on."""
    theirs = load_checkpoint(path).get("about", {})
    differing = [f"{name}: {theirs[name]!r} there, {about[name]!r} here" for name in ("data", "train_images", "all")
                 if theirs.get(name, about[name]) != about[name]]
    if differing:
        raise ValueError(f"{path} was trained on other images ({'; '.join(differing)}); use those, or train anew")


def name_experiment(arguments, config: TrainConfig) -> str:
    """The name of the run folder: as given, else the preset's, else ``best`` or the model's."""
    if arguments.experiment is not None:
        return arguments.experiment
    if arguments.preset:
        return arguments.preset
    return "best" if config.model == TrainConfig.model else config.model


def find_start(experiment: str, resume: str | None) -> Path | None:
    """The checkpoint that `--resume` asks for, or None without it."""
    if resume is None:
        return None
    return find_checkpoint(experiment, resume) if resume in ("newest", "best") else Path(resume)


def describe_training(images: ImageSet, *, everything: bool) -> dict:
    """What a run folder tells of its images, so that `load_model` and `check_data` need nothing else."""
    mean, std = channel_statistics(images.images)
    return {"classes": images.classes, "channel_mean": mean.tolist(), "channel_std": std.tolist(),
            "data": images.name, "train_images": len(images), "all": everything}


def open_run(experiment: str, found: Path | None, about: dict) -> RunFolder:
    """A new run folder, or the one of the checkpoint that was found."""
    if found is None:
        return RunFolder(new_folder(experiment), about=about)
    say(f"continuing {found}")
    return RunFolder.continuing(found, experiment, about=about)


def train_command(arguments) -> None:
    distributed.start()
    config, device = read_config(arguments), get_device()
    experiment = name_experiment(arguments, config)
    check_experiment(experiment)
    found = find_start(experiment, arguments.resume)
    if found is not None:
        config = resumed_config(found, arguments)
    distributed.check_batch(config)
    images, val = load_data(config, everything=arguments.all)
    about = describe_training(images, everything=arguments.all)
    if found is not None:
        check_data(found, about)
    seed_everything(config.seed)
    model = make_model(config.model, num_classes=images.num_classes)
    seed_everything(config.seed + distributed.rank())  # random layers draw for themselves
    loaders = make_loaders(images, val, config, device)
    run = open_run(experiment, found, about)  # last, so that a name that is unknown leaves none
    say(f"{describe(images)}; {config.model} on {device_name(device)}; {run.folder}")
    history = fit(model, loaders, config, device=device, checkpoint=run, resume=found is not None,
                  progress=sys.stderr.isatty())
    if history.stopped:
        raise KeyboardInterrupt(history.stopped)
    say("  ".join(f"{name} {value:.4g}" for name, value in history.last.items()))
    if arguments.all:
        open_test_set(model, config, loaders.train.statistics)


def open_test_set(model: nn.Module, config: TrainConfig, statistics) -> None:
    """Evaluate a trained model on the test set, and say what came out."""
    test = MemoryLoader(load_cifar(config.dataset, "test").to(get_device()), 1000, statistics=statistics)
    result = evaluate(model, test, device=get_device(), precision=config.precision)
    say("test, last epoch: " + "  ".join(f"{name} {value:.4f}" for name, value in result.items()))


def _checkpoint(given) -> Path:
    return find_checkpoint(given.experiment, given.which) if given.checkpoint is None else Path(given.checkpoint)


def evaluate_command(arguments) -> None:
    path = _checkpoint(arguments)
    loaded, device = load_model(path), get_device()
    dataset = loaded.config.dataset
    images = load_cifar(dataset, "test") if arguments.split == "test" else split_train_val(load_cifar(dataset))[1]
    if images.classes != loaded.classes:
        raise ValueError(f"{path} knows the classes {loaded.classes[:3]} …, not those of {describe(images)}")
    batches = MemoryLoader(images.to(device), 1000, statistics=loaded.statistics)
    result = evaluate(loaded.model.to(device), batches, precision=loaded.config.precision)
    learned = arguments.split == "val" and load_checkpoint(path)["about"].get("all")
    print(f"{path.name}, epoch {loaded.epoch}, on {arguments.split}: {describe(images)}"
          f"{', but it learned from these (--all): no validation' if learned else ''}")
    print("  ".join(f"{name} {value:.4f}" for name, value in result.items()))


def predict_command(arguments) -> None:
    images, ids = read_hidden_test(arguments.file)
    members = load_ensemble(_checkpoint(arguments), arguments.top)
    confidence, labels = confidences(
        predict_images(images, [loaded for _, loaded in members], get_device(), flip=arguments.flip))
    checkpoint, loaded = members[0]
    folder = checkpoint.resolve().parent  # runs/<experiment>/<time>/checkpoints
    experiment = folder.parents[1].name if folder.name == "checkpoints" else arguments.experiment
    path = write_predictions(ids, labels, experiment, checkpoint, val_accuracy=loaded.val_accuracy)
    counts = labels.bincount(minlength=len(loaded.classes)).tolist()
    print(f"{len(ids):,} images, {len(members)} checkpoint(s); mean confidence {confidence.mean():.3f}, "
          f"below one half: {(confidence < 0.5).float().mean():.1%}")
    print("predicted  " + "  ".join(f"{name} {count}" for name, count in zip(loaded.classes, counts, strict=True)))
    for i in range(min(5, len(ids))):
        print(f"  id {ids[i]}: {loaded.classes[labels[i]]} ({confidence[i]:.2f})")
    print(f"wrote {path}")


def lr_range_test_command(arguments) -> None:
    config, device = read_config(arguments), get_device()
    images, _ = load_data(config, everything=False)
    seed_everything(config.seed)
    model = make_model(config.model, num_classes=images.num_classes).to(device)
    batches = make_loaders(images, None, replace(config, image_sizes=()), device).train
    if isinstance(model, Prepared):
        first_images, _ = next(iter(batches))
        model.prepare(first_images.to(device))
    result = lr_range_test(model, batches, config, num_steps=arguments.steps, progress=sys.stderr.isatty())
    if not result.suggestions:
        raise ValueError(f"this curve suggests no learning rate: {result.reason}")
    print("\n".join(f"{rule:14s} {lr:.3g}" for rule, lr in result.suggestions.items()))
    if result.reason:
        print(f"no more than that: {result.reason}")


def bench_command(arguments) -> None:
    images = load_cifar("cifar10", "train")
    say(f"{describe(images)}, {device_name()}, {arguments.repeats} repeats in turn; about ten minutes on two cores")
    measured = run_speed(steps=arguments.steps, repeats=arguments.repeats)
    record = new_record("training_speed", images, TrainConfig(), measured=measured)
    print(f"{speed_table(measured)}\nrecord: {save_record(record, reader=not arguments.write).name}")


def reference_command(arguments) -> None:
    recipes = choose_recipes(arguments.preset, arguments.label_smoothing)
    names = ", ".join(path.name for path in run_reference(recipes, arguments.seeds))
    print(f"wrote {names}; copy what is to be the series' reference to figures/records/")


def results_command(arguments) -> None:
    if arguments.record:
        print_reports(arguments.record)
        return
    table = results_table()
    if arguments.write:
        write_records_page(RECORDS / "README.md")
        write_tables(ROOT / "README.md", {"results": table})
        write_tables(ROOT / "notebooks" / "README.md", {"expected": expectations_table()})
    print(table)


def print_reports(name: str) -> None:
    """The sentence that each setting of a record allows; of a reader's record also how its runs fit the reference."""
    own = run_dir() / "records" / f"{name}.json"
    if not own.exists():
        print("\n".join(report_lines(load_record(name))))
        return
    record = json.loads(own.read_text(encoding="utf-8"))
    lines = report_lines(record)
    if (RECORDS / f"{record['experiment']}.json").exists():  # its file may have another name, as learning_rate-2
        lines += compare_record(record, load_record(record["experiment"]))
    print("\n".join(lines))


def merge_command(arguments) -> None:
    out = Path(arguments.out)
    if out.exists():
        raise ValueError(f"{out} is already there: give another name, or move it away")
    merged = merge_class(arguments.file, arguments.seeds)
    write_record(merged.record, out)
    print("\n".join(merged.notes))
    print(f"wrote {out}: {len(merged.record['runs'])} runs of {len(arguments.file)} files")
    print("\n".join(report_lines(merged.record)))
