"""One update of a run: what its parts are, and what they do together."""

import contextlib

import torch
from torch import Tensor, nn

from helpers import distributed
from helpers.data.loader import memory_format
from helpers.env import autocast, keep_freed_memory, resolve_precision
from helpers.training.checkpoints import rng_state
from helpers.training.config import TrainConfig
from helpers.training.optimizers import make_optimizer
from helpers.training.schedules import make_scheduler


@contextlib.contextmanager
def name_the_setting(images: Tensor):
    """Context that says what to change where batch norm meets a single value per channel, which has no variance."""
    try:
        yield
    except ValueError as error:
        if "more than 1 value per channel" not in str(error):
            raise
        raise ValueError(
            f"batch norm met {len(images)} image whose map is 1 × 1, and one value has no variance: raise batch_size "
            "and micro_batch_size to 2 or more, or image_sizes") from error


class Engine:
    """Model, optimizer, schedule and scaler of one run, and the one update that they make together."""

    def __init__(self, model: nn.Module, config: TrainConfig, total_steps: int, device: torch.device):
        self.config, self.device, self.total_steps = config, device, total_steps
        if config.keep_memory and device.type == "cpu":
            keep_freed_memory()
        self.layout = memory_format(config, device)
        self.model = model.to(device, memory_format=self.layout)
        self.forward = torch.compile(self.model) if config.compile else self.model
        self.optimizer = make_optimizer(self.model, config)
        self.optimizer.zero_grad()  # gradients left over from a Ctrl-C or an earlier backward() are not ours
        self.scheduler = make_scheduler(self.optimizer, config, total_steps)
        self.precision = resolve_precision(config.precision, device)
        self.scaler = torch.amp.GradScaler(device.type, enabled=self.precision == "fp16")
        self.parts = dict(model=self.model, optimizer=self.optimizer, scheduler=self.scheduler, scaler=self.scaler)
        self.skipped = False  # whether loss scaling left out the last update
        self.criterion = nn.CrossEntropyLoss(label_smoothing=config.label_smoothing)

    def step(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """One optimizer update; returns mean loss and number of correct answers, both still on the device.

        Labels are int64 (N,), or float (N, num_classes) when images are mixed: then the larger share counts.
        """
        images, labels = self._to_device(images, labels)
        with distributed.merge_batch_norm(self.model):
            loss, correct = self._backward(images, labels)
        distributed.average_gradients(self.model, len(images))
        self.scaler.unscale_(self.optimizer)
        if self.config.clip_value:
            nn.utils.clip_grad_value_(self.model.parameters(), self.config.clip_value)
        if self.config.clip_norm:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip_norm)
        self._update()
        return loss, correct

    def _to_device(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """The batch where and in the layout in which the model is."""
        if self.layout == torch.channels_last and images.dim() != 4:
            raise ValueError(f"a batch has shape {tuple(images.shape)}, but channels_last is for images of shape "
                             "(N, C, H, W): give such images, or set channels_last=False")
        at_once = self.device.type != "cuda"  # MPS reads pageable memory after it has been handed on
        images = images.to(self.device, non_blocking=not at_once).contiguous(memory_format=self.layout)
        labels = labels.to(self.device, non_blocking=not at_once)
        return images, labels

    def _update(self) -> None:
        """Optimizer and schedule go one step, unless fp16 gradients overflowed: then the scaler halves its scale."""
        scale = self.scaler.get_scale()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.skipped = self.scaler.get_scale() < scale
        self.optimizer.zero_grad()
        if not self.skipped:
            self.scheduler.step()

    def _backward(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Gradients of the mean loss, summed over micro-batches."""
        loss_sum = correct = torch.zeros((), device=self.device)
        if not len(images):  # under torchrun this process has none of the batch, yet the scaler must know its device
            self.scaler.scale(loss_sum)
        for part in distributed.even_parts(len(images), self.config.micro_batch_size):
            x, y = images[part], labels[part]
            with autocast(self.precision, self.device), name_the_setting(x):
                logits = self.forward(x)
                loss = self.criterion(logits, y) * (len(x) / len(images))
            self.scaler.scale(loss).backward()
            loss_sum = loss_sum + loss.detach().float()
            answers = y if y.dim() == 1 else y.argmax(1)
            correct = correct + (logits.detach().argmax(1) == answers).sum()
        return loss_sum, correct

    def state(self) -> dict:
        """All that the next step depends on."""
        states = {name: part.state_dict() for name, part in self.parts.items()}
        return {**states, "rng": rng_state(), "total_steps": self.total_steps}
