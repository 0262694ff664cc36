"""The fast recipe: whitening, Muon, alternating flips and test-time augmentation, each against a plain definition."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from helpers.analysis.predict import predict_logits
from helpers.data.augment import BATCH_AUGMENTS
from helpers.data.image_set import channel_statistics
from helpers.data.loader import MemoryLoader, make_loaders
from helpers.data.stand_in import make_stand_in
from helpers.experiments.records import load_record
from helpers.models import whitened
from helpers.models.protocols import HasParameterGroups, Prepared
from helpers.models.trace import count_parameters
from helpers.models.whitened import WhitenedNet, device_with_float64
from helpers.training.config import TrainConfig
from helpers.training.fit import fit
from helpers.training.muon import Muon, orthogonalize
from helpers.training.optimizers import make_optimizer
from helpers.training.presets import get_preset
from helpers.training.schedules import make_scheduler

CPU = torch.device("cpu")


def normalized(data):
    mean, std = (s.view(3, 1, 1) for s in channel_statistics(data.images))
    return (data.images.float() / 255 - mean) / std


def test_the_network_has_the_published_size():
    filters = 24 * 64 + 64 * 64 + 64 * 256 + 3 * 256 * 256
    assert count_parameters(WhitenedNet()) == 9 * filters + 24 + 2 * (64 + 256 + 256) + 256 * 10
    assert WhitenedNet(100)(torch.zeros(2, 3, 24, 24)).shape == (2, 100)


def test_whitened_patches_are_uncorrelated_with_variance_one():
    images, net = normalized(make_stand_in("train", 300)), WhitenedNet()
    net.prepare(images)
    filters = net.whiten.weight.flatten(1).double()
    assert torch.equal(filters[12:], -filters[:12])
    patches = images.unfold(2, 2, 1).unfold(3, 2, 1).permute(0, 2, 3, 1, 4, 5).reshape(-1, 12).double()
    outputs = patches @ filters[:12].T
    second_moment = outputs.T @ outputs / len(outputs)
    weak = (patches @ filters[:12].T).square().mean(0)  # axes with hardly any variance are damped by the 5e-4
    assert torch.allclose(second_moment - torch.diag(weak), torch.zeros(12, 12, dtype=torch.float64), atol=1e-4)
    eigenvalues = torch.linalg.eigvalsh(patches.T @ patches / len(patches))
    assert torch.allclose(weak, eigenvalues / (eigenvalues + 5e-4), atol=1e-4) and weak[-1] > 0.999


def test_preparing_is_left_out_of_learning():
    data, config = make_stand_in("train", 64), replace(get_preset("fast"), num_epochs=1, batch_size=32, image_sizes=())
    net = WhitenedNet(widths=(8, 8, 8))
    loaders = make_loaders(data, None, config, CPU)
    fit(net, loaders, config, device=CPU, progress=False)
    twin = WhitenedNet(widths=(8, 8, 8))
    loaders.train.set_epoch(0)
    twin.prepare(next(iter(loaders.train))[0])
    assert torch.equal(net.whiten.weight, twin.whiten.weight)


@pytest.mark.parametrize("shape", [(64, 216), (216, 64), (32, 32)])
def test_orthogonalize_keeps_directions_and_evens_out_lengths(shape):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    u, s, v = torch.linalg.svd(matrix, full_matrices=False)
    inside = u.T @ orthogonalize(matrix, steps=5) @ v.T  # diagonal, if the singular vectors are the same
    diagonal = inside.diagonal()
    large = s > 0.1 * s.max()
    assert ((diagonal > 0.6) & (diagonal < 1.3))[large].all()
    assert (inside - torch.diag(diagonal)).abs().max() < 0.05  # bf16
    assert diagonal.max() / diagonal[large].min() < 0.6 * s.max() / s[large].min()


def test_muon_step_by_hand():
    torch.manual_seed(0)
    filters, shift = torch.nn.Parameter(torch.randn(4, 3, 3, 3)), torch.nn.Parameter(torch.randn(5))
    optimizer = Muon([{"params": [filters], "lr": 0.1},
                      {"params": [shift], "lr": 0.2, "momentum": 0.85, "weight_decay": 0.01, "orthogonal": False}])
    sgd_twin = torch.nn.Parameter(shift.detach().clone())
    sgd = torch.optim.SGD([sgd_twin], lr=0.2, momentum=0.85, nesterov=True, weight_decay=0.01)
    buffer, expected = torch.zeros(4, 27), filters.detach().flatten(1).clone()
    for _ in range(3):
        filters.grad, shift.grad = torch.randn(4, 3, 3, 3), torch.randn(5)
        sgd_twin.grad = shift.grad.clone()
        gradient = filters.grad.flatten(1)
        optimizer.step()
        sgd.step()
        buffer = 0.6 * buffer + gradient
        expected = expected * 2 / expected.norm() - 0.1 * orthogonalize(gradient + 0.6 * buffer)  # 2 = √4 filters
        assert torch.allclose(filters.flatten(1), expected, atol=1e-5)
        assert torch.allclose(shift, sgd_twin, atol=1e-6)


def test_muon_moves_a_filter_of_zeros_by_its_gradient_alone():
    filters = torch.nn.Parameter(torch.zeros(2, 3, 3, 3))
    filters.grad = torch.randn(2, 3, 3, 3, generator=torch.Generator().manual_seed(0))
    Muon([{"params": [filters], "lr": 0.1}]).step()
    expected = -0.1 * orthogonalize(1.6 * filters.grad.flatten(1))  # Nesterov: the gradient, and 0.6 of the momentum
    assert torch.allclose(filters.flatten(1), expected, atol=1e-6)


def test_muon_says_which_network_it_is_for():
    with pytest.raises(ValueError, match="'muon' does not know Linear"):
        make_optimizer(torch.nn.Linear(2, 2), TrainConfig(optimizer="muon"))


def test_linear_schedule_ends_each_group_in_its_time():
    config = replace(get_preset("jordan"), batch_size=100)
    optimizer = make_optimizer(WhitenedNet(), config)
    scheduler = make_scheduler(optimizer, config, total_steps=40)
    first = [group["lr"] for group in optimizer.param_groups]
    for step in range(40):
        for group, start, end in zip(optimizer.param_groups, first, (40, 15, 40, 40), strict=True):
            assert group["lr"] == pytest.approx(start * max(0, 1 - step / end))
        optimizer.step()
        scheduler.step()


def test_alternating_flip_shows_each_image_both_ways():
    data = make_stand_in("train", 50)
    augment = replace(BATCH_AUGMENTS["shift_alternating_flip"], padding=0)
    loader = MemoryLoader(data, 20, statistics=(torch.zeros(3), torch.ones(3)), augment=augment, seed=1)
    seen = []
    for epoch in range(4):
        loader.set_epoch(epoch)
        seen.append((torch.cat([images for images, _ in loader]) * 255).round().to(torch.uint8))
    plain, mirrored = data.images, data.images.flip(3)
    is_plain = [[torch.equal(a, b) for a, b in zip(images, plain, strict=True)] for images in seen]
    for number, images in enumerate(seen):
        turned = torch.where(torch.tensor(is_plain[number]).view(-1, 1, 1, 1), plain, mirrored)
        assert torch.equal(images, turned)
    assert is_plain[0] == is_plain[2] and is_plain[1] == is_plain[3]
    assert [not flag for flag in is_plain[0]] == is_plain[1] and 10 < sum(is_plain[0]) < 40


def test_test_time_views_have_the_stated_weights():
    torch.manual_seed(0)
    images, model = torch.randn(3, 3, 8, 8), torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(192, 4))
    logits, _ = predict_logits(model, [(images, torch.zeros(3))], precision="float32", flip=True, shift=1)
    with torch.no_grad():
        expected = torch.zeros(3, 4)
        for n in range(3):
            for dy, weight in ((0, 0.5), (-1, 0.25), (1, 0.25)):  # rows and columns move together
                index = [abs(i + dy) if i + dy < 8 else 14 - (i + dy) for i in range(8)]
                moved = images[n][:, index][:, :, index]
                for view in (moved, moved.flip(2)):
                    expected[n] += weight / 2 * model(view[None])[0]
    assert torch.allclose(logits, expected, atol=1e-5)


def test_the_records_are_the_recipes_side_by_side():
    records = {name: load_record(name) for name in ("jordan", "fast")}
    for name, record in records.items():
        assert TrainConfig(**record["config"]) == get_preset(name) and record["data"]["train_images"] == 50_000
    jordan, fast = records.values()
    assert len(fast["runs"]) >= 3 and len(jordan["runs"]) >= 3
    assert jordan["device"] == fast["device"] and jordan["versions"] == fast["versions"]
    beside = {run["seed"]: run["seconds"] for run in jordan["runs"]}  # a machine's pace drifts from day to day
    quiet = [run for run in fast["runs"] if "note" not in run]  # a note: trained beside other work
    assert len(quiet) >= 2 and all(run["seconds"] < 0.6 * beside[run["beside"]] for run in quiet)
    assert np.median([run["seconds"] for run in quiet]) < 0.6 * min(beside.values())
    accuracy = {name: [run["final"]["tta_test_accuracy"] for run in record["runs"]] for name, record in records.items()}
    assert min(accuracy["jordan"]) > 0.93 and min(accuracy["fast"]) > 0.93 and np.mean(accuracy["fast"]) >= 0.94


def test_frozen_groups_learn_again_after_training():
    data, config = make_stand_in("train", 64), replace(get_preset("fast"), num_epochs=2, batch_size=32, image_sizes=())
    net, seen = WhitenedNet(widths=(8, 8, 8)), []
    net.register_forward_hook(lambda *_: seen.append(net.whiten.bias.requires_grad))
    fit(net, make_loaders(data, None, config, CPU), config, device=CPU, progress=False)
    assert seen == [True, True, False, False]  # two updates an epoch; the bias learns for 3/8 of the run
    assert net.whiten.bias.requires_grad and not net.whiten.weight.requires_grad


def test_large_network_has_a_skip_and_bad_sizes_are_refused():
    net = WhitenedNet(widths=(8, 8, 8), depth=3)
    assert count_parameters(net) - count_parameters(WhitenedNet(widths=(8, 8, 8))) == 3 * (9 * 8 * 8 + 8)
    group, x = net.groups[1].eval(), torch.randn(2, 8, 8, 8)
    assert torch.allclose(group(x), torch.nn.functional.gelu(group.first(x) + group.rest(group.first(x))))
    with pytest.raises(ValueError, match="depth=1"):
        WhitenedNet(depth=1)


def test_one_cycle_keeps_the_rates_of_the_groups_apart():
    config = replace(get_preset("jordan"), scheduler="one_cycle", batch_size=100)
    optimizer = make_optimizer(WhitenedNet(widths=(8, 8, 8)), config)
    peaks = [group["lr"] for group in optimizer.param_groups]
    assert len(set(peaks)) > 2
    scheduler, highest = make_scheduler(optimizer, config, total_steps=48), [0.0] * len(peaks)
    for _ in range(47):
        highest = [max(high, group["lr"]) for high, group in zip(highest, optimizer.param_groups, strict=True)]
        optimizer.step()
        scheduler.step()
    assert highest == pytest.approx(peaks)


def test_images_that_three_poolings_leave_nothing_of_are_refused():
    assert WhitenedNet()(torch.zeros(2, 3, 9, 9)).shape == (2, 10)
    for size in (4, 8):
        with pytest.raises(ValueError, match=f"{size} × {size} pixels.*image_sizes"):
            WhitenedNet()(torch.zeros(2, 3, size, size))


def test_what_a_network_asks_of_training_is_a_protocol():
    assert isinstance(WhitenedNet(), Prepared) and isinstance(WhitenedNet(), HasParameterGroups)
    assert not isinstance(torch.nn.Linear(2, 2), Prepared | HasParameterGroups)


def test_double_precision_is_computed_on_a_device_that_has_it(monkeypatch):
    assert device_with_float64(torch.device("mps")) == CPU
    assert device_with_float64(torch.device("cuda", 1)) == torch.device("cuda", 1)

    class Recorder(TorchDispatchMode):
        on_device = []

        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            out = function(*args, **(kwargs or {}))
            if isinstance(out, torch.Tensor) and out.device.type == "meta":
                self.on_device.append(out.dtype)
            return out

    # A meta tensor stands for one on MPS; the move to the CPU, which has no numbers to move, is played.
    plain_to = torch.Tensor.to
    monkeypatch.setattr(whitened, "device_with_float64", lambda device: CPU)
    monkeypatch.setattr(torch.Tensor, "to", lambda self, *to, **how: (
        torch.rand(self.shape, dtype=self.dtype) if self.is_meta and to == (CPU,) else plain_to(self, *to, **how)))
    net = WhitenedNet(widths=(8, 8, 8))
    with Recorder() as recorder:
        net.prepare(torch.empty(4, 3, 8, 8, device="meta"))
    assert recorder.on_device and set(recorder.on_device) == {torch.float32}
