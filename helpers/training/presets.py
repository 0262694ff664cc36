"""Recipes by name: those of the systems that the series grew out of, and its own best."""

from dataclasses import replace

from helpers.env import look_up
from helpers.training.config import TrainConfig

# K. Jordan's recipe for a large GPU, as it stands; `fast` is the same with less arithmetic, for small machines.
_JORDAN = TrainConfig(
    model="whitened_net", num_epochs=8, batch_size=2000, micro_batch_size=2000, optimizer="muon", max_lr=0.24,
    scheduler="linear", label_smoothing=0.2, augment="shift_alternating_flip", keep_memory=False)

PRESETS = {
    "jordan": _JORDAN,
    "fast": replace(_JORDAN, model="whitened_net_winograd", num_epochs=9, micro_batch_size=500, keep_memory=True,
                    image_sizes=((0, 24), (5, 32))),
    # His larger network and longer run, for a GPU; its result has not been measured here.
    "fast96": replace(_JORDAN, model="whitened_net_large", num_epochs=40, batch_size=1000, micro_batch_size=1000,
                      max_lr=0.17, augment="crop_alternating_flip_cutout"),
    # The reference recipe at full size: the network of notebook 03, trained as in notebook 05.
    "best": TrainConfig(),
    # The budget of the sweeps, notebooks 11 to 18, that a class can afford: a minute per run on one core.
    "sweep": TrainConfig(
        model="custom_resnet_16", train_images=10_000, num_epochs=12, batch_size=128,
        image_sizes=((0, 16), (6, 24), (10, 32))),
    # Custom ResNet with Adam and one cycle, batch 256; its max_lr came from a range test and is not recorded.
    "s10": TrainConfig(batch_size=256, optimizer="adam", max_lr=0.01, weight_decay=0.0, label_smoothing=0.0),
    # The same network with SGD, "no annihilation": the last learning rate, 0.004, is the first.
    "eva11": TrainConfig(max_lr=0.04, nesterov=False, div_factor=10.0, final_div_factor=1.0, label_smoothing=0.0),
    # ResNet [3, 3, 4] × [60, 120, 240], cosine from a small learning rate, MixUp or CutMix on every batch.
    "kaggle-resnet": TrainConfig(
        model="kaggle_resnet", num_epochs=50, batch_size=128, max_lr=0.001, scheduler="cosine", label_smoothing=0.05,
        augment="crop_flip_erasing", mix="mixup_or_cutmix"),
    # Strong augmentation, CutMix on 70 % of the batches. The original's length and batch size are not recorded.
    "se-resnet": TrainConfig(
        model="se_resnet", num_epochs=50, batch_size=128, max_lr=0.05, nesterov=False, weight_decay=1e-4, pct_start=0.3,
        augment="flip_geometry_color_erasing", mix="cutmix", mix_probability=0.7, clip_norm=1.0),
    "stochastic-depth": TrainConfig(
        model="stochastic_depth_resnet", num_epochs=50, batch_size=128, max_lr=0.05, nesterov=False,
        weight_decay=1e-4, scheduler="cosine", augment="flip_geometry_color_erasing", mix="cutmix",
        mix_probability=0.7, clip_norm=1.0),
    # Its text says SGD with warm restarts, its code Adam with one cycle: this is the text. Restarts after 8, 24 and 56
    # epochs let the last cycle end with the run.
    "cifar100-resnet34": TrainConfig(
        dataset="cifar100", model="resnet34", num_epochs=120, batch_size=400, micro_batch_size=200, max_lr=0.01,
        weight_decay=1e-4, scheduler="cosine_warm_restarts", restart_epochs=8, augment="crop_flip_jitter",
        mix="mixup_or_cutmix", mix_probability=0.5, clip_value=0.1),
}


def get_preset(name: str) -> TrainConfig:
    """The recipe of this name in `PRESETS`."""
    return look_up(PRESETS, name, "preset")
