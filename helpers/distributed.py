"""Several processes that train one model together, started by ``torchrun``; in a single process all of it is idle.

Each works on its share of every global batch; gradients are averaged and batch-norm statistics merged, so that the
result is that of a single process. (Only random layers, such as dropout, draw other numbers.)
"""

import contextlib
import os

import torch
import torch.distributed as dist
from torch import Tensor, nn


def start() -> None:
    """Join the group that torchrun's environment describes: nccl where each process has a GPU, else gloo."""
    if int(os.environ.get("WORLD_SIZE", 1)) == 1 or dist.is_initialized():
        return
    on_gpu = torch.cuda.device_count() >= int(os.environ.get("LOCAL_WORLD_SIZE", 1))
    if on_gpu:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", 0)))
    dist.init_process_group("nccl" if on_gpu else "gloo")


def stop() -> None:
    """Leave the group, if there is one."""
    if dist.is_initialized():
        dist.destroy_process_group()


def world_size() -> int:
    """Number of processes that train together, 1 without torchrun."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    """Number of this process, from 0; only process 0 writes files and prints."""
    return dist.get_rank() if dist.is_initialized() else 0


def share(count: int, part: int) -> slice:
    """This process's share of `count` images, in multiples of `part`, as even as can be; the last may be shorter."""
    parts = -(-count // part)
    return slice(*(min(count, -(-number * parts // world_size()) * part) for number in (rank(), rank() + 1)))


def check_batch(config) -> None:
    """Raise `ValueError` if a batch has too few micro-batches to give each process one."""
    if 1 < world_size() and config.batch_size < world_size() * config.micro_batch_size:
        raise ValueError(f"batch_size={config.batch_size} is less than {world_size()} processes × micro_batch_size="
                         f"{config.micro_batch_size}: lower micro_batch_size to {config.batch_size // world_size()}")


def sum_over_processes(values: Tensor) -> Tensor:
    """`values`, summed over all processes, on each of them."""
    if world_size() > 1:
        dist.all_reduce(values)
    return values


def average_gradients(model: nn.Module, count: int) -> None:
    """Replace gradients of the mean over this process's `count` images by those of the mean over all images."""
    if world_size() == 1:
        return
    parameters = [p for p in model.parameters() if p.requires_grad]
    own = [torch.zeros_like(p).flatten() if p.grad is None else p.grad.flatten() * count for p in parameters]
    flat = sum_over_processes(torch.cat([*own, own[0].new_tensor([count])]))
    for parameter, part in zip(parameters, flat[:-1].split([p.numel() for p in parameters]), strict=True):
        parameter.grad = (part / flat[-1]).view(parameter.shape)


@contextlib.contextmanager
def merge_batch_norm(model: nn.Module):
    """Around the forward passes of one update: running statistics as if one process had seen all parts in turn.

    With momentum m, k parts leave ``(1 − m)^k`` of the old value and add their own; so the processes can be chained.
    """
    layers = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d) and m.momentum is not None]
    if world_size() == 1 or not layers:
        yield
        return
    tensors = [t for m in layers for t in (m.num_batches_tracked, m.running_mean, m.running_var)]
    sizes = [t.numel() for t in tensors]
    before = torch.cat([t.flatten().float() for t in tensors])
    yield
    mine = torch.cat([t.flatten().float() for t in tensors])
    everyone = [torch.empty_like(mine) for _ in range(world_size())]
    dist.all_gather(everyone, mine)
    keep = torch.tensor([k for m in layers for k in (1, 1 - m.momentum, 1 - m.momentum)])
    keep, merged = keep.repeat_interleave(torch.tensor(sizes)).to(mine), before
    for theirs in everyone:
        kept = keep ** (theirs - before)[0]  # the first entry counts forward passes
        merged = kept * merged + theirs - kept * before
    for tensor, part in zip(tensors, merged.split(sizes), strict=True):
        tensor.copy_(part.view_as(tensor))
