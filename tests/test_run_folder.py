"""Run folders keep what they say, are found again, and go on exactly where they stopped."""

import csv
import errno
import heapq
import json
import os
import pickle
import random
import subprocess
import sys
import warnings
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

from helpers.data.loader import make_loaders
from helpers.data.stand_in import make_stand_in
from helpers.experiments import lock, run_folder
from helpers.experiments.load import find_checkpoint, load_model
from helpers.experiments.run_folder import RunFolder, new_folder
from helpers.models.registry import make_model
from helpers.models.resnet import ResNet
from helpers.training.checkpoints import load_checkpoint, save_checkpoint
from helpers.training.config import TrainConfig
from helpers.training.fit import fit

CPU = torch.device("cpu")
DATA, VAL = make_stand_in("train", 64), make_stand_in("test", 30)
CONFIG = TrainConfig(model="depthwise_dilated", num_epochs=4, batch_size=32, micro_batch_size=32, max_lr=0.05,
                     precision="float32", channels_last=False, image_sizes=((0, 8),))
ABOUT = {"classes": DATA.classes, "channel_mean": [0.5, 0.4, 0.3], "channel_std": [0.2, 0.2, 0.1], "data": DATA.name}


def state(accuracies, **more):
    rows = [{"epoch": i + 1, "train_loss": 1 / (i + 1), "val_accuracy": a} for i, a in enumerate(accuracies)]
    return {"model": {"w": torch.full((50,), float(len(rows)))}, "config": asdict(CONFIG), "history": rows, **more}


@pytest.fixture
def quiet(monkeypatch):
    """Without TensorBoard, which takes seconds to import."""
    monkeypatch.setattr(RunFolder, "_log", lambda self, row: None)


def tiny(num_classes=10):
    """A network with random layers of its own."""
    torch.manual_seed(0)
    return ResNet((1, 2), (4, 8), num_classes=num_classes, dropout=0.3, stochastic_depth=0.5)


def without_seconds(rows):
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def readable(folder):
    """Everything in ``checkpoints/`` by name, loaded; a damaged or unexpected file fails here."""
    return {path.name: load_checkpoint(path) for path in (folder / "checkpoints").iterdir()}


# --- what a folder keeps ----------------------------------------------------------------------------------------

@pytest.mark.parametrize("keep", [1, 2, 5])
@pytest.mark.parametrize("seed", range(4))
def test_the_best_are_kept_and_the_last_always(tmp_path, quiet, keep, seed):
    draw = random.Random(seed)
    accuracies = [draw.choice([0.1, 0.5, 0.5002, 0.61, 0.6666, 1.0]) for _ in range(12)]  # many ties
    run = RunFolder(tmp_path / "run", keep=keep)
    for count in range(1, 13):
        run.save(state(accuracies[:count]))
        best = heapq.nlargest(keep, [(a, epoch + 1) for epoch, a in enumerate(accuracies[:count])])
        names = [f"epoch_{epoch:03d}_val_{a:.4f}.pt" for a, epoch in best]
        files = readable(run.folder)
        assert files.keys() == {*names, "last.pt"} and [path.name for path in run.ranked()] == names
        assert (run.folder / "best.txt").read_text() == f"checkpoints/{names[0]}\n"
        assert {name: len(files[name]["history"]) for name in files} == {
            "last.pt": count, **{name: epoch for name, (_, epoch) in zip(names, best, strict=True)}}


def test_configuration_and_history_beside_the_checkpoints(tmp_path, quiet):
    run, rows = RunFolder(tmp_path / "run"), state([0.25, 0.5, 0.125])["history"]
    rows[2]["momentum"] = 0.9  # a column that comes later
    for count in range(1, 4):
        run.save(state([0] * count) | {"history": rows[:count]})
    assert TrainConfig(**json.loads((run.folder / "config.json").read_text())) == CONFIG
    with open(run.folder / "history.csv", newline="") as file:
        read = [{name: float(value) for name, value in row.items() if value} for row in csv.DictReader(file)]
    assert read == rows


def test_a_run_without_validation_keeps_the_last(tmp_path, quiet):
    run, rows = RunFolder(tmp_path / "run"), [{"epoch": 1, "train_loss": 2.0}]
    run.save(state([0]) | {"history": rows})
    assert list(readable(run.folder)) == ["last.pt"] and not (run.folder / "best.txt").exists()


@pytest.mark.parametrize("function", ["replace", "fsync"])
@pytest.mark.parametrize("keep", [1, 2])
def test_an_error_at_any_moment_loses_nothing(tmp_path, quiet, monkeypatch, function, keep):
    honest, failures = getattr(os, function), 0
    for moment in range(9):
        run, calls = RunFolder(tmp_path / str(moment), keep=keep), []
        for count in range(1, 4):
            run.save(state([0.1, 0.2, 0.3][:count]))
        before = (run.folder / "history.csv").read_text()

        def failing(*given, calls=calls, moment=moment):
            calls.append(given)
            if len(calls) == moment + 1:
                raise OSError("disk gone")
            return honest(*given)

        with monkeypatch.context() as patch:
            patch.setattr(os, function, failing)
            try:
                run.save(state([0.1, 0.2, 0.3, 0.4]))
                break
            except OSError:
                failures += 1
        files = readable(run.folder)
        assert len(files["last.pt"]["history"]) == 3 and len(files) >= keep + 1  # the surplus goes after the new one
        assert (run.folder / (run.folder / "best.txt").read_text().strip()).exists()
        assert (run.folder / "history.csv").read_text().startswith(before)
        run.save(state([0.1, 0.2, 0.3, 0.4]))
        assert len(readable(run.folder)["last.pt"]["history"]) == 4 and len(run.ranked()) == keep
    assert failures == {"replace": 4, "fsync": 2}[function]  # two checkpoints, best.txt, history.csv


@pytest.mark.parametrize("keep", [0, -3])
def test_nothing_to_keep_is_refused(tmp_path, keep):
    with pytest.raises(ValueError, match=f"keep={keep}"):
        RunFolder(tmp_path, keep=keep)


def test_a_second_process_is_refused_until_the_first_ends(tmp_path, quiet):
    code = "import sys; from pathlib import Path; from helpers.experiments.lock import claim_folder; " \
           "held = claim_folder(Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"
    first = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "run")], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, text=True, cwd=Path(run_folder.__file__).parents[2])
    assert first.stdout.readline() == "held\n"
    run = RunFolder(tmp_path / "run")
    with pytest.raises(RuntimeError, match="run is in use by another process"):
        run.save(state([0.1]))
    assert not run.checkpoints.exists()
    first.kill()
    first.wait()
    run.save(state([0.1]))
    RunFolder(tmp_path / "run").save(state([0.1, 0.2]))  # the same process may
    assert len(readable(run.folder)["last.pt"]["history"]) == 2


def other_process_may_lock(folder):
    """What another process meets that wants the folder, asked of the system itself."""
    fcntl = pytest.importorskip("fcntl")
    code = f"import fcntl, sys; fcntl.flock(open(sys.argv[1], 'a'), {fcntl.LOCK_EX | fcntl.LOCK_NB})"
    done = subprocess.run([sys.executable, "-S", "-c", code, str(folder / ".lock")], capture_output=True, text=True)
    assert done.returncode == 0 or "BlockingIOError" in done.stderr, done.stderr
    return done.returncode == 0


class Watched:
    """Batches that ask at the beginning of each epoch whether another process may lock the folder, then may raise."""

    def __init__(self, batches, folder, last):
        self.batches, self.folder, self.last, self.seen = batches, folder, last, []

    def __len__(self):
        return len(self.batches)

    def __iter__(self):
        self.seen.append(other_process_may_lock(self.folder))
        if len(self.seen) == 2 and self.last:
            raise self.last
        return iter(self.batches)


@pytest.mark.parametrize("last", [None, KeyboardInterrupt(), ZeroDivisionError()], ids=["done", "ctrl-c", "error"])
def test_a_folder_is_free_again_when_fit_ends_and_taken_again_when_it_goes_on(tmp_path, quiet, last):
    run, config = RunFolder(tmp_path / "run", about=ABOUT), replace(CONFIG, num_epochs=2)
    batches = Watched(make_loaders(DATA, None, config, CPU).train, run.folder, last)

    def go(resume):
        return fit(tiny(), (batches, None), config, device=CPU, progress=False, checkpoint=run, resume=resume)

    if isinstance(last, ZeroDivisionError):
        with pytest.raises(ZeroDivisionError):
            go(resume=False)
    else:
        assert bool(go(resume=False).stopped) == bool(last)
    assert batches.seen == [False, False] and other_process_may_lock(run.folder)
    go(resume=bool(last))
    assert batches.seen[2:] == ([False] if last else [False, False]) and other_process_may_lock(run.folder)


def test_fit_refuses_a_folder_in_use_before_it_trains(tmp_path, quiet):
    pytest.importorskip("fcntl")
    folder = tmp_path / "run"
    folder.mkdir()
    code = "import fcntl, sys; f = open(sys.argv[1], 'a'); fcntl.flock(f, 2); print('held', flush=True); " \
           "sys.stdin.read()"
    other = subprocess.Popen([sys.executable, "-S", "-c", code, str(folder / ".lock")], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, text=True)
    assert other.stdout.readline() == "held\n"
    batches = Watched(make_loaders(DATA, None, CONFIG, CPU).train, folder, None)
    with pytest.raises(RuntimeError, match=f"{folder} is in use by another process"):
        fit(tiny(), (batches, None), CONFIG, device=CPU, progress=False, checkpoint=RunFolder(folder))
    assert batches.seen == []
    other.communicate("")


def test_a_release_is_of_the_own_claim_only_and_reaches_forked_workers(tmp_path, quiet):
    one, two = RunFolder(tmp_path / "run"), RunFolder(tmp_path / "run")
    one.save(state([0.1]))
    two.claim()
    one.release()
    assert not other_process_may_lock(one.folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # a fork beside torch's threads: this one only waits
        worker = subprocess_that_inherits()
    two.release()
    assert other_process_may_lock(one.folder)
    worker()
    one.save(state([0.1, 0.2]))
    assert not other_process_may_lock(one.folder)
    one.release()


def test_python_ends_quietly_with_a_folder_claimed(tmp_path):
    """Nothing can be imported any more when the last objects are deleted."""
    code = "import sys; from pathlib import Path; from helpers.experiments.run_folder import RunFolder; " \
           "run = RunFolder(Path(sys.argv[1])); run.claim()"
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "run")], capture_output=True, text=True,
                          cwd=Path(run_folder.__file__).parents[2])
    assert done.returncode == 0 and done.stderr == "" and other_process_may_lock(tmp_path / "run")


def subprocess_that_inherits():
    """Fork a process that holds the same open files until the returned function is called."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(write)
        os.read(read, 1)
        os._exit(0)
    os.close(read)

    def end():
        os.close(write)
        os.waitpid(child, 0)

    return end


@pytest.mark.parametrize("name", ["../escape", "a/b", "a\\b", "..", ".", "", " "])
def test_no_folder_is_made_outside_the_experiment_s_own_place(tmp_path, name):
    with pytest.raises(ValueError, match="cannot name a folder in runs/: give a plain name"):
        new_folder(name, tmp_path / "runs")
    assert list(tmp_path.iterdir()) == []


def test_an_error_of_the_system_says_where_and_what_to_do(tmp_path, quiet, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(OSError, match="set CIFAR_RUNS to a folder that you may write to.*file/exp"):
        new_folder("exp", tmp_path / "file")
    with pytest.raises(OSError, match="set CIFAR_RUNS to a folder that you may write to.*file/run"):
        RunFolder(tmp_path / "file" / "run").claim()

    def full(path, text):
        raise OSError(errno.ENOSPC, "No space left on device")  # as write() raises it, without a path

    monkeypatch.setattr(run_folder, "write_text", full)
    with pytest.raises(OSError, match=r"No space left on device \(make room .* resume .*run") as told:
        RunFolder(tmp_path / "run").save(state([0.1]))
    assert told.value.errno == errno.ENOSPC


def test_a_file_system_without_locks_costs_a_warning(tmp_path, quiet, monkeypatch):
    def unknown(file):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(lock, "lock_file", unknown)
    with pytest.warns(UserWarning, match="knows no locks"):
        RunFolder(tmp_path / "run").save(state([0.1]))
    assert (tmp_path / "run" / "checkpoints" / "last.pt").exists()


def test_what_a_killed_process_left_is_deleted(tmp_path, quiet):
    run = RunFolder(tmp_path / "run")
    run.save(state([0.1]))
    for left in (run.folder / "best.txt.1.partial", run.checkpoints / "last.pt.1.partial"):
        left.write_text("half")
    run.save(state([0.1, 0.2]))
    assert not list(run.folder.rglob("*.partial"))


def test_a_broken_tensorboard_costs_one_warning(tmp_path, monkeypatch):
    def broken(self, row):
        raise TypeError("descriptors cannot be created")

    monkeypatch.setattr(RunFolder, "_write_scalars", broken)
    run = RunFolder(tmp_path / "run")
    with pytest.warns(UserWarning, match="TensorBoard does not work here.*descriptors") as told:
        run.save(state([0.1]))
        run.save(state([0.1, 0.2]))
    assert len(told) == 1 and len(readable(run.folder)["last.pt"]["history"]) == 2


def test_folders_of_one_second_differ(tmp_path):
    made = []
    for _ in range(5):
        made.append(new_folder("s10", tmp_path))  # exists from now on: two runs may begin at the same moment
        assert made[-1].is_dir()
    assert len(set(made)) == 5 and {path.parent for path in made} == {tmp_path / "s10"}
    assert made == sorted(made)


def test_scalars_reach_tensorboard_once_each(tmp_path, monkeypatch):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    run = RunFolder(tmp_path / "run")
    for count in (1, 2, 3):
        run.save(state([0.25, 0.5, 0.125][:count]))
    resumed = RunFolder(tmp_path / "run")  # from epoch 2: what was logged of epoch 3 gives way
    resumed.save(state([0.25, 0.5, 0.75]))

    def killed_after(path, content):
        save_checkpoint(path, content)
        if path.name == "last.pt":
            raise KeyboardInterrupt

    for accuracy in (0.875, 0.625):  # the epoch counts as trained: its scalars must be there already
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(run_folder, "save_checkpoint", killed_after)
            RunFolder(tmp_path / "run").save(state([0.25, 0.5, 0.75, accuracy]))
    RunFolder(tmp_path / "run").save(state([0.25, 0.5, 0.75, 0.625, 1]))
    events = accumulator.EventAccumulator(str(tmp_path / "run" / "tensorboard"))
    events.Reload()
    logged = [(event.step, event.value) for event in events.Scalars("val/accuracy")]
    assert logged == [(1, 0.25), (2, 0.5), (3, 0.75), (4, 0.625), (5, 1)]


# --- found again ------------------------------------------------------------------------------------------------

def put(root, experiment, stamp, accuracies):
    run = RunFolder(Path(root) / experiment / stamp)
    for count in range(1, len(accuracies) + 1):
        run.save(state(accuracies[:count], stamp=stamp))
    return run.checkpoints


def test_the_newest_and_the_best_of_several_roots(tmp_path, quiet):
    here, kaggle = tmp_path / "runs", tmp_path / "input" / "my-dataset"
    old = put(here, "s10", "20260101-120000", [0.3, 0.9, 0.4])
    new = put(kaggle / "deeper", "s10", "20260301-120000", [0.5, 0.6])
    put(here, "s100", "20260401-120000", [0.99])
    roots = [tmp_path / "absent", here, kaggle]
    assert find_checkpoint("s10", "newest", roots) == new / "last.pt"
    assert find_checkpoint("s10", "best", roots) == old / "epoch_002_val_0.9000.pt"
    assert find_checkpoint("s10", "newest", [here]) == old / "last.pt"


def test_where_is_searched_by_itself(tmp_path, quiet, monkeypatch):
    monkeypatch.setenv("CIFAR_RUNS", str(tmp_path / "mine"))
    run = put(tmp_path / "mine", "my_experiment", "20260101-120000", [0.3])
    assert find_checkpoint("my_experiment") == run / "last.pt"


@pytest.mark.parametrize("which", ["newest", "best"])
def test_a_damaged_file_is_passed_over(tmp_path, quiet, which):
    good = put(tmp_path, "s10", "20260101-120000", [0.3])
    bad = put(tmp_path, "s10", "20260301-120000", [0.6])
    for path in bad.iterdir():
        path.write_bytes(path.read_bytes()[:200])
    with pytest.warns(UserWarning, match="passed over: .*20260301-120000.*cut short"):
        found = find_checkpoint("s10", which, [tmp_path])
    assert found.parent == good
    for path in good.iterdir():
        path.write_bytes(b"")
    with pytest.warns(UserWarning), pytest.raises(FileNotFoundError):
        find_checkpoint("s10", which, [tmp_path])


@pytest.mark.parametrize("damage", [lambda last: last.unlink(), lambda last: last.write_bytes(last.read_bytes()[:99])])
def test_without_its_last_checkpoint_a_run_goes_on_from_its_newest(tmp_path, quiet, damage):
    put(tmp_path, "s10", "20260101-120000", [0.9, 0.9])
    run = put(tmp_path, "s10", "20260301-120000", [0.6, 0.3, 0.5])
    damage(run / "last.pt")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert find_checkpoint("s10", "newest", [tmp_path]).name == "epoch_003_val_0.5000.pt"


def test_an_experiment_is_found_by_its_name_only(tmp_path, quiet):
    put(tmp_path, "lr=[0.1]", "20260101-120000", [0.9])
    assert find_checkpoint("lr=[0.1]", "newest", [tmp_path]).parts[-4] == "lr=[0.1]"
    with pytest.raises(FileNotFoundError):
        find_checkpoint("*", "newest", [tmp_path])


def test_what_is_not_found_says_where_was_looked(tmp_path):
    with pytest.raises(FileNotFoundError) as refused:
        find_checkpoint("s10", "newest", [tmp_path / "a", tmp_path / "b"])
    assert all(part in str(refused.value) for part in ("'s10'", str(tmp_path / "a"), str(tmp_path / "b")))
    with pytest.raises(ValueError, match="unknown checkpoint 'latest': choose from .*'best', 'newest'"):
        find_checkpoint("s10", "latest")


# --- a model from its file --------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A network after one epoch, and the folder that it was saved to."""
    run, config = RunFolder(tmp_path_factory.mktemp("trained") / "run", about=ABOUT), replace(CONFIG, num_epochs=1)
    run._log = lambda row: None
    torch.manual_seed(1)
    model = make_model(config.model, num_classes=10)
    fit(model, make_loaders(DATA, VAL, config, CPU), config, device=CPU, progress=False, checkpoint=run)
    return model.eval(), run


def test_a_model_is_rebuilt_from_its_file(trained):
    model, run = trained
    loaded, images = load_model(run.ranked()[0]), torch.randn(5, 3, 32, 32)
    with torch.no_grad():
        assert not loaded.model.training and torch.equal(loaded.model(images), model(images))
    assert loaded.classes == DATA.classes and loaded.epoch == 1 and loaded.config.num_epochs == 1
    assert [part.tolist() for part in loaded.statistics] == [pytest.approx(ABOUT["channel_mean"]),
                                                             pytest.approx(ABOUT["channel_std"])]
    assert f"_val_{loaded.val_accuracy:.4f}" in run.ranked()[0].name


def test_a_file_that_does_not_fit_names_the_tensors(trained, tmp_path):
    content = load_checkpoint(trained[1].checkpoints / "last.pt")
    three = save_checkpoint(tmp_path / "three.pt", content | {"about": ABOUT | {"classes": ("a", "b", "c")}})
    with pytest.raises(ValueError, match=r"number of classes \(2 tensors differ.*head.2.weight: \(10, 256\) there, "
                                         r"\(3, 256\) here"):
        load_model(three)
    other = save_checkpoint(tmp_path / "other.pt", content | {"config": content["config"] | {"model": "se_resnet"}})
    with pytest.raises(ValueError, match="another architecture.*features.0.weight: .* there, absent here"):
        load_model(other)


@pytest.mark.parametrize("content, named", [
    ({"weight": torch.zeros(3)}, "'about', 'config', 'history', 'model'"), (state([0.5], about={}), "about"),
    (torch.zeros(3), "it holds a Tensor")], ids=["state_dict", "without about", "tensor"])
def test_other_files_are_no_models(tmp_path, content, named):
    with pytest.raises(ValueError, match=named):
        load_model(save_checkpoint(tmp_path / "other.pt", content))


# --- resuming ---------------------------------------------------------------------------------------------------

RECIPES = {
    "sgd": {"clip_norm": 0.5, "cycle_momentum": True},
    "adam": {"optimizer": "adam", "max_lr": 0.003, "scheduler": "cosine_warm_restarts", "restart_epochs": 1,
             "mix": "mixup_or_cutmix", "augment": "crop_flip_erasing", "micro_batch_size": 20}}


def train(config, run, resume=False):
    model = tiny()
    history = fit(model, make_loaders(DATA, VAL, config, CPU), config, device=CPU, progress=False, checkpoint=run,
                  resume=resume)
    return model, history


def stopped_run(config, folder, epochs, keep=2):
    """A run that is interrupted while its epoch `epochs` + 1 would be saved."""
    class Stops(RunFolder):
        def save(self, content):
            if len(content["history"]) > epochs:
                raise KeyboardInterrupt
            super().save(content)

    run = Stops(folder, keep=keep, about=ABOUT)
    assert train(config, run)[1].stopped
    return run


def assert_same(one, two):
    """Two nested states, bit for bit; measured seconds aside."""
    if isinstance(one, dict):
        assert one.keys() == two.keys()
        for name in one.keys() - {"seconds"}:
            assert_same(one[name], two[name])
    elif isinstance(one, list | tuple):
        assert len(one) == len(two)
        for a, b in zip(one, two, strict=True):
            assert_same(a, b)
    else:
        assert torch.equal(one, two) if isinstance(one, torch.Tensor) else one == two


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("epochs", [1, 3])
def test_a_resumed_run_is_the_uninterrupted_one(tmp_path, quiet, recipe, epochs):
    config = replace(CONFIG, **RECIPES[recipe])
    whole = RunFolder(tmp_path / "a" / "run", keep=2, about=ABOUT)
    train(config, whole)
    cut = stopped_run(config, tmp_path / "runs" / "exp" / "20260101-120000", epochs)
    torch.rand(5)  # a new process would have other random numbers
    found = find_checkpoint("exp", "newest", [tmp_path / "runs"])
    resumed = RunFolder.continuing(found, "exp", keep=2, about=ABOUT)
    assert resumed.folder == cut.folder
    train(config, resumed, resume=True)
    assert_same(readable(resumed.folder), readable(whole.folder))
    assert (resumed.folder / "best.txt").read_text() == (whole.folder / "best.txt").read_text()


@pytest.mark.parametrize("last", ["whole", "missing", "damaged"])
def test_the_best_can_be_continued(tmp_path, quiet, monkeypatch, last):
    monkeypatch.setenv("CIFAR_RUNS", str(tmp_path))
    whole = RunFolder(tmp_path / "a" / "run", keep=4, about=ABOUT)
    train(CONFIG, whole)
    second = next(path for path in whole.ranked() if "epoch_002" in path.name)
    expected = readable(whole.folder)
    if last != "whole":
        (whole.checkpoints / "last.pt").unlink()
    if last == "damaged":
        (whole.checkpoints / "last.pt").write_bytes(b"half of it")
    before = {path: path.read_bytes() for path in whole.folder.rglob("*") if path.is_file()}
    resumed = RunFolder.continuing(second, "a", keep=4, about=ABOUT)
    assert resumed.newest() == second
    train(CONFIG, resumed, resume=True)
    assert resumed.newest() == resumed.checkpoints / "last.pt"
    mine = readable(resumed.folder)
    assert_same(mine, {name: expected[name] for name in mine})
    if last == "missing":
        assert resumed.folder == whole.folder and len(mine) == 5
    else:  # what had got farther stays as it was, and the two never mix
        assert resumed.folder != whole.folder and len(mine) == 3  # epochs 3 and 4, last.pt
        assert {path: path.read_bytes() for path in before} == before


@pytest.mark.parametrize("why", ["read-only", "no run folder"])
def test_what_cannot_be_written_to_goes_on_in_a_new_folder(tmp_path, quiet, monkeypatch, why):
    monkeypatch.setenv("CIFAR_RUNS", str(tmp_path / "runs"))
    source = stopped_run(CONFIG, tmp_path / "input" / "exp" / "20260101-120000", 2).checkpoints / "last.pt"
    if why == "read-only":
        access = os.access
        monkeypatch.setattr(run_folder.os, "access", lambda path, mode: "input" not in str(path) and access(path, mode))
    else:
        source = source.rename(tmp_path / "input" / "last.pt")
    before = sorted((path, path.stat().st_mtime_ns) for path in tmp_path.rglob("input/**/*"))
    run = RunFolder.continuing(source, "exp", keep=2, about=ABOUT)
    assert run.folder.parent == tmp_path / "runs" / "exp" and run.newest() == source
    model, history = train(CONFIG, run, resume=True)
    assert history.column("epoch") == [1, 2, 3, 4]
    assert sorted((path, path.stat().st_mtime_ns) for path in tmp_path.rglob("input/**/*")) == before
    whole, _ = train(CONFIG, None)
    assert_same(model.state_dict(), whole.state_dict())
    assert find_checkpoint("exp", "newest", [tmp_path]) == run.checkpoints / "last.pt"


class Evil:
    """Unpickled with the ordinary loader, it writes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_files_that_must_not_be_resumed(tmp_path, quiet):
    run, evil = stopped_run(CONFIG, tmp_path / "run", 2), tmp_path / "evil_ran"
    last, config = run.checkpoints / "last.pt", replace(CONFIG, max_lr=0.1, mix="cutmix")
    again = RunFolder(tmp_path / "run", about=ABOUT)
    with pytest.raises(ValueError) as refused:
        train(config, again, resume=True)
    differing = str(refused.value).split("(")[1].split(")")[0]
    assert differing == "max_lr: 0.05 there, 0.1 here; mix: 'none' there, 'cutmix' here"
    with pytest.raises(ValueError, match=r"\(2 tensors differ.*head.3.weight: \(10, 8\) there, \(7, 8\) here"):
        fit(tiny(7), make_loaders(DATA, VAL, CONFIG, CPU), CONFIG, device=CPU, progress=False, checkpoint=again,
            resume=True)
    good = last.read_bytes()
    content = load_checkpoint(last)
    torch.save(content | {"extra": Evil(evil)}, tmp_path / "zip.pt")
    torch.save(Evil(evil), tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    for bad in (good[:len(good) // 2], good[:-1], (tmp_path / "zip.pt").read_bytes(),
                (tmp_path / "old.pt").read_bytes(), pickle.dumps(Evil(evil)), pickle.dumps(content["history"])):
        last.write_bytes(bad)
        with pytest.raises(ValueError, match="last.pt: not a checkpoint that can be read.*delete it"):
            train(CONFIG, again, resume=True)
    assert not evil.exists()
    pickle.loads(pickle.dumps(Evil(evil)))
    assert evil.exists()  # it would have
