"""A training process that is killed (``kill -9``) at any moment goes on as if nothing had happened.

Run as a script, this file is the torturer: one warm process that forks the training processes it kills.
"""

import csv
import importlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")


def torture(tmp_path, *given):
    done = subprocess.run([sys.executable, __file__, str(tmp_path), *map(str, given)], capture_output=True, text=True,
                          env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_killed_at_random_moments(tmp_path):
    told = torture(tmp_path, "random", 20)
    assert told["kills"] >= 20 and told["in_a_write"] >= 1 and told["in_training"] >= 1, told


def test_killed_at_each_step_of_a_save(tmp_path):
    told = torture(tmp_path, "each")
    assert told["kills"] == told["steps"] > 20 and told["in_a_write"] >= 4, told


@pytest.mark.slow
def test_killed_at_very_many_random_moments(tmp_path):
    told = torture(tmp_path, "random", 300)
    assert told["kills"] >= 300 and told["in_a_write"] >= 20, told


# --- the script -------------------------------------------------------------------------------------------------

EPOCHS, KEEP = 8, 2


def train(runs, acknowledged, patience=0.0, slow=lambda: None):
    """One training process: continues the newest run there is. `slow` is called between the steps of each save."""
    import io

    import torch

    from helpers.data.loader import make_loaders
    from helpers.data.stand_in import make_stand_in
    from helpers.experiments.load import find_checkpoint
    from helpers.experiments.run_folder import RunFolder
    from helpers.models.resnet import ResNet
    from helpers.training import checkpoints
    from helpers.training.config import TrainConfig
    from helpers.training.fit import fit

    save, replace, fsync, unlink, write = torch.save, os.replace, os.fsync, Path.unlink, Path.write_text

    def save_slowly(state, path):
        save(state, buffer := io.BytesIO())
        content = buffer.getvalue()
        with open(path, "wb") as file:
            for start in range(0, len(content), len(content) // 2 + 1):
                file.write(content[start:start + len(content) // 2 + 1])
                file.flush()
                time.sleep(patience)
                slow()

    def after(function):
        def wrapped(*arguments, **options):
            result = function(*arguments, **options)
            slow()
            return result
        return wrapped

    checkpoints.torch.save, os.replace, os.fsync = save_slowly, after(replace), after(fsync)
    Path.unlink, Path.write_text = after(unlink), after(write)

    class Acknowledging(RunFolder):
        def save(self, state):
            super().save(state)
            with open(acknowledged, "a") as file:
                file.write(f"{len(state['history'])}\n")

    config = TrainConfig(num_epochs=EPOCHS, batch_size=32, micro_batch_size=32, max_lr=0.05, precision="float32",
                         channels_last=False, image_sizes=((0, 8),), mix="mixup_or_cutmix")
    torch.manual_seed(0)
    model, data = ResNet((1, 1), (4, 8), dropout=0.3), make_stand_in("train", 64)
    try:
        run = Acknowledging.continuing(find_checkpoint("exp", "newest", [runs]), "exp", keep=KEEP)
    except FileNotFoundError:
        run = Acknowledging(runs / "exp" / "20260101-000000", keep=KEEP)
    cpu = torch.device("cpu")
    fit(model, make_loaders(data, make_stand_in("test", 40), config, cpu), config, device=cpu, progress=False,
        checkpoint=run, resume=True)


def fork(*given, **options):
    """A training process of its own; returns its id."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            train(*given, **options)
            code = 0
        finally:
            sys.stderr.flush()
            os._exit(code)
    return child


def finished(child, seconds):
    """Whether the process ended by itself within so many seconds; else it is killed."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            assert os.waitstatus_to_exitcode(status) == 0, "a training process failed; see above"
            return True
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return False
    assert os.waitstatus_to_exitcode(status) == 0
    return True


def facts(runs):
    """All that a run left behind, measured seconds aside; every checkpoint is loaded."""
    import torch

    from helpers.training.checkpoints import load_checkpoint

    folder, told = runs / "exp" / "20260101-000000", {}
    for path in sorted((folder / "checkpoints").iterdir()):
        assert path.suffix == ".pt", f"{path} was left behind"
        state = load_checkpoint(path)
        rows = [{k: v for k, v in row.items() if k != "seconds"} for row in state["history"]]
        tensors = [t for part in ("model", "optimizer") for t in flat(state[part])]
        told[path.name] = rows, state["config"], state["rng"]["cpu"].tolist(), torch.cat(tensors).tolist()
    with open(folder / "history.csv", newline="") as file:
        told["csv"] = [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]
    return told | {name: (folder / name).read_text() for name in ("best.txt", "config.json")}


def flat(part):
    import torch

    if isinstance(part, torch.Tensor):
        return [part.double().flatten()]
    return [t for value in part.values() for t in flat(value)] if isinstance(part, dict) else []


def survey(runs, history, acknowledged):
    """After a kill: whole files only, and a history no shorter than before, or than what was acknowledged."""
    from helpers.training.checkpoints import load_checkpoint

    folder = runs / "exp" / "20260101-000000"
    states = {path.name: load_checkpoint(path) for path in (folder / "checkpoints").glob("*.pt")}
    if (folder / "best.txt").exists():
        assert Path((folder / "best.txt").read_text().strip()).name in states
    rows = states["last.pt"]["history"] if "last.pt" in states else []
    said = acknowledged.read_text().split() if acknowledged.exists() else [0]
    assert len(rows) >= max(len(history), int(said[-1])), "epochs were lost"
    assert rows[:len(history)] == history, "history was rewritten"
    return rows, bool(list(folder.rglob("*.partial")))


def at_random(folder, expected, longest, kills):
    draw, told = random.Random(), {"kills": 0, "in_a_write": 0, "in_training": 0, "rounds": 0}
    while told["kills"] < kills:
        runs, acknowledged, history = folder / str(told["rounds"]), folder / f"{told['rounds']}.txt", []
        told["rounds"] += 1
        while True:
            seconds = 60 if told["kills"] >= kills else draw.uniform(0, longest)
            if finished(fork(runs, acknowledged, patience=0.006), seconds):
                break
            history, writing = survey(runs, history, acknowledged)
            told["kills"] += 1
            told["in_a_write" if writing else "in_training"] += 1
        assert facts(runs) == expected, "not the uninterrupted run"
    return told


def at_each_step(folder, expected):
    """Kills itself after the first, second, third … step of all saves; each time a second process finishes."""
    def count_down(steps):
        left = [steps]

        def slow():
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return slow

    told = {"kills": 0, "in_a_write": 0, "steps": 0}
    while True:
        runs, acknowledged = folder / str(told["steps"]), folder / f"{told['steps']}.txt"
        _, status = os.waitpid(fork(runs, acknowledged, slow=count_down(told["steps"] + 1)), 0)
        if not os.WIFSIGNALED(status):
            assert os.waitstatus_to_exitcode(status) == 0
            return told
        told["steps"] += 1
        told["kills"] += 1
        told["in_a_write"] += survey(runs, [], acknowledged)[1]
        assert finished(fork(runs, acknowledged), 60)
        assert facts(runs) == expected, f"not the uninterrupted run after step {told['steps']}"


def main(folder, how, *given):
    import torch

    global EPOCHS, KEEP
    EPOCHS, KEEP = (3, 1) if how == "each" else (EPOCHS, KEEP)
    torch.set_num_threads(1)
    for name in ("helpers.training.fit", "helpers.data.loader", "helpers.experiments.run_folder",
                 "helpers.models.resnet", "torch.utils.tensorboard", "torchvision.transforms.v2", "torchvision.ops"):
        importlib.import_module(name)  # so that the children need not

    started = time.perf_counter()
    assert finished(fork(folder / "whole", folder / "whole.txt"), 60)
    longest = max(0.25, (time.perf_counter() - started) / 2)  # seconds until a kill: a busy machine trains slower
    expected = facts(folder / "whole")
    assert len(expected["csv"]) == EPOCHS and len(expected) == KEEP + 4
    assert "epoch_001" not in expected["best.txt"]  # so something was deleted
    if how == "each":
        told = at_each_step(folder, expected)
    else:
        told = at_random(folder, expected, longest, kills=int(given[0]))
    print(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
