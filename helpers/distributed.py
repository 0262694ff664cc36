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


def even_parts(count: int, size: int) -> list[slice]:
    """Cut `count` images into as few parts of at most `size` as there can be, whose lengths differ by one at most."""
    number = -(-count // size)  # rounded up
    parts = []
    start = 0
    for index in range(number):
        length = count // number + (index < count % number)
        parts.append(slice(start, start + length))
        start += length
    return parts


def share(count: int, size: int) -> slice:
    """This process's share of a batch of `count` images: whole ones of its `even_parts`, as even as can be.

    The share, cut by `even_parts` again, falls into these parts: together its parts lack fewer than `size` images.
    """
    parts = even_parts(count, size)
    bounds = [0] + [part.stop for part in parts]
    first = -(-rank() * len(parts) // world_size())
    behind = -(-(rank() + 1) * len(parts) // world_size())
    return slice(bounds[first], bounds[behind])


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
    sums = []  # of the gradients over the images of this process
    for parameter in parameters:
        gradient = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        sums.append(gradient.flatten() * count)
    sums.append(sums[0].new_tensor([count]))
    total = sum_over_processes(torch.cat(sums))
    means = total[:-1] / total[-1]
    sizes = [p.numel() for p in parameters]
    for parameter, mean in zip(parameters, means.split(sizes), strict=True):
        parameter.grad = mean.view(parameter.shape)


@contextlib.contextmanager
def merge_batch_norm(model: nn.Module):
    """Around the forward passes of one update: running statistics as if one process had seen all parts in turn.

    With momentum m, k parts leave ``(1 − m)^k`` of the old value and add their own; so the processes can be chained.
    """
    layers = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d) and m.momentum is not None]
    if world_size() == 1 or not layers:
        yield
        return
    tensors, kept_by_one_pass = [], []
    for layer in layers:
        tensors += [layer.num_batches_tracked, layer.running_mean, layer.running_var]
        kept_by_one_pass += [1, 1 - layer.momentum, 1 - layer.momentum]  # a count keeps all of itself
    sizes = torch.tensor([tensor.numel() for tensor in tensors])
    before = _flat(tensors)
    yield
    after = _flat(tensors)
    everyone = [torch.empty_like(after) for _ in range(world_size())]
    dist.all_gather(everyone, after)
    keep = torch.tensor(kept_by_one_pass).repeat_interleave(sizes).to(after)
    merged = before
    for theirs in everyone:
        passes = (theirs - before)[0]  # the first entry counts forward passes
        kept = keep ** passes
        added = theirs - kept * before
        merged = kept * merged + added
    for tensor, part in zip(tensors, merged.split(sizes.tolist()), strict=True):
        tensor.copy_(part.view_as(tensor))


def _flat(tensors: list[Tensor]) -> Tensor:
    """All entries of the tensors, one after the other, as float32."""
    return torch.cat([tensor.flatten().float() for tensor in tensors])
