"""Two processes under torchrun train the same network as one, count every sample once, and only the first writes.

Run as a script (by torchrun), this file is one of the two processes.
"""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn

from helpers import distributed
from helpers.cli.options import main
from helpers.data.image_set import channel_statistics
from helpers.data.loader import MemoryLoader
from helpers.data.stand_in import make_stand_in
from helpers.env import autocast
from helpers.models import custom_resnet, registry
from helpers.training.checkpoints import load_checkpoint
from helpers.training.config import TrainConfig
from helpers.training.engine import Engine
from helpers.training.fit import evaluate, fit

ROOT = Path(__file__).parent.parent
CPU = torch.device("cpu")
SMALL = partial(custom_resnet.CustomResNet, width=8)
COMMON = ["train", "--num-epochs", "2", "--precision", "float32", "--max-lr", "0.05", "--image-sizes", "0:16"]
# All with SGD: Adam divides by the size of a gradient, so it turns rounding of gradients near zero into steps of full
# length (one process with one thread and with two ends 2e-3 apart), and it would not see gradients of a wrong scale.
# In "one without", the second batch of 16 images is a single part: the second process has none of it.
RUNS = {
    "halves": ["--train-images", "128", "--batch-size", "64", "--micro-batch-size", "32", "--clip-norm", "0.5"],
    "one without": ["--train-images", "33", "--batch-size", "32", "--micro-batch-size", "16", "--mix", "cutmix"],
    "two thirds": ["--train-images", "101", "--batch-size", "48", "--micro-batch-size", "16"],
    "whitened": ["--train-images", "128", "--batch-size", "64", "--micro-batch-size", "32", "--model", "whitened_net"]}


def only(folder, pattern):
    found = sorted(folder.glob(pattern))
    assert len(found) == 1, found
    return found[0]


# --- one process ------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("world", [1, 2, 3, 7])
def test_shares_are_disjoint_complete_and_whole_parts(monkeypatch, world):
    monkeypatch.setattr(distributed, "world_size", lambda: world)
    for count in range(0, 70):
        for part in (1, 2, 5, 16, 100):
            shares = []
            for rank in range(world):
                monkeypatch.setattr(distributed, "rank", lambda rank=rank: rank)
                shares.append(list(range(count))[distributed.share(count, part)])
            assert sum(shares, []) == list(range(count)), (count, part)
            number = max(1, -(-count // part))
            whole = [list(cut.tolist()) for cut in torch.arange(count).tensor_split(number) if len(cut)]
            cuts = [share[piece] for share in shares for piece in distributed.even_parts(len(share), part)]
            assert cuts == whole, (count, part)  # the micro-batches of all processes are those of one
            assert max(map(len, shares)) <= -(-count // (part * world)) * part, (count, part)
            assert all(shares) == (count > part * (world - 1)), (count, part)  # a part for each, and none is idle


def test_every_process_needs_a_micro_batch(monkeypatch):
    distributed.check_batch(TrainConfig(batch_size=128, micro_batch_size=128))
    monkeypatch.setattr(distributed, "world_size", lambda: 3)
    distributed.check_batch(TrainConfig(batch_size=384, micro_batch_size=128))
    with pytest.raises(ValueError, match="batch_size=383 is less than 3 processes × micro_batch_size=128.* to 127"):
        distributed.check_batch(TrainConfig(batch_size=383, micro_batch_size=128))


@pytest.mark.parametrize("precision", ["float32", "bf16"])
@pytest.mark.parametrize("name", registry.MODELS)
def test_a_process_without_images_gets_no_logits(name, precision):
    model = registry.make_model(name, num_classes=10).eval().to(memory_format=torch.channels_last)
    with torch.no_grad(), autocast(precision, CPU):
        assert model(torch.empty(0, 3, 32, 32)).shape == (0, 10)


def test_the_scaler_survives_a_first_batch_without_images():
    config = TrainConfig(num_epochs=1, precision="fp16", micro_batch_size=4)
    engine = Engine(nn.Sequential(nn.Flatten(), nn.Linear(12, 3)), config, 10, CPU)
    loss, correct = engine._backward(torch.empty(0, 3, 2, 2), torch.empty(0, dtype=torch.long))
    assert float(loss) == float(correct) == 0
    for parameter in engine.model.parameters():  # as averaged over the other processes
        parameter.grad = torch.ones_like(parameter) * engine.scaler.get_scale()
    before = [parameter.detach().clone() for parameter in engine.model.parameters()]
    engine.scaler.step(engine.optimizer)
    engine.scaler.update()
    assert all((old - new).min() > 0 for old, new in zip(before, engine.model.parameters(), strict=True))


# --- two processes ----------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """The folders of the runs by one process and by two, and what the two printed."""
    folder = tmp_path_factory.mktemp("both")
    environment = {**os.environ, "CIFAR_PROFILE": "smoke", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", __file__]
    two = subprocess.Popen([*command, str(folder)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                           text=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(registry.MODELS, "custom_resnet", SMALL)
        patch.setenv("CIFAR_PROFILE", "smoke")
        patch.setenv("CIFAR_RUNS", str(folder / "one"))
        for name, words in RUNS.items():
            assert main([*COMMON, *words, "--experiment", name]) == 0
    out, err = two.communicate(timeout=120)
    assert two.returncode == 0, err
    return folder, out


@pytest.mark.parametrize("name", [*RUNS, "resumed"])
def test_two_processes_train_what_one_does(both, name):
    folder, _ = both
    one = load_checkpoint(only(folder / "one" / name.replace("resumed", "one without"), "*/checkpoints/last.pt"))
    two = load_checkpoint(only(folder / "two-0" / name, "*/checkpoints/last.pt"))
    assert one["model"].keys() == two["model"].keys() and one["config"] == two["config"]
    for key, tensor in one["model"].items():  # weights and batch-norm statistics
        assert torch.allclose(tensor, two["model"][key], rtol=1e-3, atol=2e-5), (
            key, float((tensor - two["model"][key]).abs().max()))
    assert len(one["history"]) == len(two["history"]) == 2
    for mine, theirs in zip(one["history"], two["history"], strict=True):
        assert mine.keys() == theirs.keys()
        for key in mine.keys() - {"seconds"}:
            assert theirs[key] == pytest.approx(mine[key], rel=1e-4), key


def test_only_the_first_process_writes_and_prints(both):
    folder, out = both
    assert sorted(path.name for path in folder.iterdir()) == ["one", "two-0"]
    assert sorted(path.name for path in (folder / "two-0").iterdir()) == sorted([*RUNS, "resumed"])
    assert out.count(" on CPU") == out.count("val_accuracy") == len(RUNS) + 1
    assert out.count("checks passed") == 2


# --- the script -------------------------------------------------------------------------------------------------

def check_batch_norm(rank):
    """Four passes here and one there leave the statistics of five in a row."""
    batches = [torch.randn(6, 3, 4, 4, generator=torch.Generator().manual_seed(i)) * i + i for i in range(5)]
    layers = [nn.Sequential(nn.BatchNorm2d(3), nn.BatchNorm2d(3, momentum=0.3)) for _ in range(2)]
    for steps in ([slice(0, 4), slice(4, 5)], [slice(0, 5), slice(5, 5)]):
        with distributed.merge_batch_norm(layers[0]):
            for batch in batches[steps[rank]]:
                layers[0](batch)
        for batch in batches:
            layers[1](batch)
        for ours, plain in zip(layers[0].state_dict().values(), layers[1].state_dict().values(), strict=True):
            assert torch.allclose(ours, plain, rtol=1e-5, atol=1e-6), (ours, plain)


def check_gradients(rank):
    """Means over 3 images and over 1 give the mean over 4; a process without gradients counts for nothing."""
    for counts in ((3, 1), (2, 0)):
        model = nn.Linear(2, 2)
        model.bias.requires_grad_(False)
        if counts[rank]:
            model.weight.grad = torch.full((2, 2), 10.0 * (rank + 1))
        distributed.average_gradients(model, counts[rank])
        expected = sum(count * 10.0 * (i + 1) for i, count in enumerate(counts)) / sum(counts)
        assert torch.allclose(model.weight.grad, torch.tensor(expected)) and model.bias.grad is None


def check_evaluation(rank):
    """An odd number of images, in shares that differ: loss and accuracies are those of all images at once."""
    data = make_stand_in("test", 41)
    statistics = channel_statistics(data.images)
    torch.manual_seed(0)
    model = registry.make_model("custom_resnet").eval()
    batches = MemoryLoader(data, 8, statistics=statistics)
    assert [len(labels) for _, labels in batches] == [4 - rank] * 5 + [3]
    with torch.no_grad():
        images = (data.images.float() / 255 - statistics[0].view(3, 1, 1)) / statistics[1].view(3, 1, 1)
        logits = model(images)
    ranks = (logits > logits.gather(1, data.labels[:, None])).sum(1)
    expected = {"loss": float(nn.functional.cross_entropy(logits, data.labels)),
                "accuracy": float((ranks == 0).float().mean()), "top5_accuracy": float((ranks < 5).float().mean())}
    assert evaluate(model, batches, precision="float32") == pytest.approx(expected, rel=1e-5)


def check_empty_steps(rank):
    """One image in all, in every step: the second process never has any, and still holds the same weights."""
    data = make_stand_in("train", 3)
    config = TrainConfig(num_epochs=2, batch_size=1, micro_batch_size=1, precision="float32", max_lr=0.05)
    batches = MemoryLoader(data, 1, statistics=channel_statistics(data.images))
    torch.manual_seed(0)
    model = registry.make_model("custom_resnet")
    history = fit(model, (batches, batches), config, device=CPU, progress=False)
    assert [row["val_accuracy"] * 3 % 1 for row in history.epochs] == pytest.approx([0, 0], abs=1e-5)
    weights = torch.cat([t.double().flatten() for t in model.state_dict().values()])
    total = distributed.sum_over_processes(weights.clone())
    assert torch.allclose(total, 2 * weights) and weights.isfinite().all()


def process(folder):
    """What each of the two does."""
    registry.MODELS["custom_resnet"] = SMALL
    rank, stop = int(os.environ["RANK"]), distributed.stop
    distributed.stop = lambda: None  # the group stays for the next
    os.environ["CIFAR_RUNS"] = str(folder / f"two-{rank}")
    for name, words in RUNS.items():
        assert main([*COMMON, *words, "--experiment", name]) == 0
    assert distributed.world_size() == 2 and distributed.rank() == rank
    if rank == 0:
        first = only(folder / "two-0" / "one without", "*/checkpoints/epoch_001*.pt")
        copied = folder / "two-0" / "resumed" / "20260101-000000" / "checkpoints" / first.name
        copied.parent.mkdir(parents=True)
        copied.write_bytes(first.read_bytes())
    torch.distributed.barrier()
    copied = only(folder / "two-0" / "resumed", "*/checkpoints/*.pt")
    torch.distributed.barrier()
    assert main([*COMMON, *RUNS["one without"], "--experiment", "resumed", "--resume", str(copied)]) == 0
    for check in (check_batch_norm, check_gradients, check_evaluation, check_empty_steps):
        check(rank)
    print(f"{rank}: checks passed", flush=True)
    stop()


if __name__ == "__main__":
    process(Path(sys.argv[1]))
