"""Checks of notebook 03."""

import math

import torch
from torch import nn

from helpers.exercises import exercise
from helpers.exercises.answers import number

CHANNELS = 6


@exercise
def live_block(answer) -> str:
    """A block (class or function of channels) that is the identity at the start, and learns."""
    if isinstance(answer, nn.Module):
        return "give the class, or a function of the number of channels, not a finished block"
    torch.manual_seed(3)
    block = answer(CHANNELS)
    images = torch.rand(8, CHANNELS, 5, 5)  # not negative, as behind a ReLU
    if not isinstance(block, nn.Module) or not list(block.parameters()):
        return "answer(channels) must give a module with parameters that can learn"
    out = block.train()(images)
    if out.shape != images.shape:
        return f"the shape changes from {tuple(images.shape)} to {tuple(out.shape)}: a sum needs equal shapes"
    if not torch.allclose(out, images, atol=1e-6):
        return "it does not start as the identity: f(x) must be 0 in the beginning"
    return _still_dead(block, images)


def _still_dead(block: nn.Module, images: torch.Tensor) -> str:
    """A hint where a few steps of SGD leave a block as it is, or reach only some of its parameters."""
    before = [parameter.detach().clone() for parameter in block.parameters()]
    optimizer = torch.optim.SGD(block.parameters(), lr=0.1)
    for _ in range(5):
        optimizer.zero_grad()
        (block(images) - 2 * images).square().mean().backward()
        optimizer.step()
    moved = [not torch.equal(old, new) for old, new in zip(before, block.parameters(), strict=True)]
    if not any(moved):
        return "still dead: no gradient reaches it. What comes behind the factor that is zero?"
    convolutions = [not torch.equal(old, new) for old, new in zip(before, block.parameters(), strict=True)
                    if new.dim() == 4]
    if not convolutions:
        return "keep the convolutions: what remains here can only scale"
    if not all(convolutions):
        return "some convolutions never move: only the *last* factor may start at zero"
    return ""


LAYERS = [(3, 8, 3, 1), (8, 12, 3, 2), (12, 12, 1, 1), (12, 20, 5, 2), (20, 20, 3, 1)]
SIDE = 32


def _counts(layers, side: int) -> tuple[int, int, int]:
    parameters, macs, field, jump = 0, 0, 1, 1
    for inputs, outputs, kernel, stride in layers:
        side //= stride
        weights = inputs * outputs * kernel**2
        parameters += weights
        macs += weights * side**2
        field += (kernel - 1) * jump
        jump *= stride
    return parameters, macs, field


@exercise
def three_counts(answer) -> str:
    """A function (layers, side) → parameters, MACs and receptive field of a chain of convolutions without bias."""
    given = answer(list(LAYERS), SIDE)
    if given is None:
        return "your function returns None: return three numbers"
    parameters, macs, field = (number(value) for value in given)
    return (_parameters_hint(parameters) or _macs_hint(macs) or _field_hint(field)
            or _second_call_hint(answer))


def _parameters_hint(given: float) -> str:
    right, _, _ = _counts(LAYERS, SIDE)
    if given == right:
        return ""
    if given == right + sum(outputs for _, outputs, _, _ in LAYERS):
        return "parameters: these convolutions have no bias"
    if given == sum(inputs * outputs * kernel for inputs, outputs, kernel, _ in LAYERS):
        return "parameters: a kernel is as high as it is wide"
    return "parameters: a convolution has inputs × outputs × kernel × kernel weights"


def _macs_hint(given: float) -> str:
    right = _counts(LAYERS, SIDE)[1]
    if given == right:
        return ""
    if given == _counts(LAYERS, SIDE)[0] * SIDE**2:
        return "MACs: a stride shrinks the map, so the layers behind it have fewer places to compute"
    if given == _macs_before_the_stride():
        return "MACs: a layer of stride 2 computes an output at every second place only: shrink the side first"
    return "MACs: every weight is used once per place of the *output* map"


def _macs_before_the_stride() -> int:
    side, total = SIDE, 0
    for inputs, outputs, kernel, stride in LAYERS:
        total += inputs * outputs * kernel**2 * side**2
        side //= stride
    return total


def _field_hint(given: float) -> str:
    right = _counts(LAYERS, SIDE)[2]
    without_jump = 1 + sum(kernel - 1 for _, _, kernel, _ in LAYERS)
    late = _field_with_late_jump()
    if given == right:
        return ""
    if given == without_jump:
        return "field: behind a stride of 2 neighbors lie two image pixels apart: multiply by the jump"
    if given == late:
        return "field: the jump grows only *behind* the layer with the stride"
    if given == right - 1:
        return "field: the pixel in the middle counts too: start at 1"
    return "field: start at 1; a layer adds (kernel − 1) × jump, then multiplies the jump by its stride"


def _field_with_late_jump() -> int:
    field, jump = 1, 1
    for _, _, kernel, stride in LAYERS:
        jump *= stride
        field += (kernel - 1) * jump
    return field


def _second_call_hint(answer) -> str:
    other = [(4, 6, 3, 2), (6, 6, 3, 1)]
    given = tuple(number(value) for value in answer(list(other), 16))
    return "" if given == _counts(other, 16) else "right for one chain, wrong for another: use the arguments"


@exercise
def he_initialization(answer) -> str:
    """A function (layer) that draws a convolution anew: weights of variance 2 / fan-in, bias zero."""
    torch.manual_seed(3)
    layer = nn.Conv2d(24, 96, 5)
    before = layer.weight.detach().clone()
    answer(layer)
    weight, fan_in, fan_out = layer.weight.detach(), 24 * 25, 96 * 25
    if torch.equal(weight, before):
        return "the layer's weights are as before: change layer.weight in place, under torch.no_grad()"
    if abs(weight.mean().item()) > 0.1 * weight.std().item():
        return "the mean of the weights should be 0"
    deviation = weight.std().item()
    mistakes = {
        "this is PyTorch's default spread, √(1 / (3 · fan-in))": math.sqrt(1 / (3 * fan_in)),
        "that is 1 / fan-in: a ReLU throws away half of the signal, so twice as much is needed": math.sqrt(1 / fan_in),
        "that divides by the outputs: what is summed up are the *inputs* of a filter": math.sqrt(2 / fan_out),
        "the kernel is missing: fan-in is channels × height × width of a filter": math.sqrt(2 / 24),
        "2 / fan-in is the variance: the spread is its square root": 2 / fan_in,
        "the weights still have a spread of 1: multiply by √(2 / fan-in)": 1.0,
    }
    if not math.isclose(deviation, math.sqrt(2 / fan_in), rel_tol=0.02):
        for hint, mistake in mistakes.items():
            if math.isclose(deviation, mistake, rel_tol=0.02):
                return hint
        return f"the spread is {deviation:.4f}, and should be √(2 / fan-in) = {math.sqrt(2 / fan_in):.4f} here"
    fourth = ((weight / deviation) ** 4).mean().item()  # 3 for a normal distribution, 1.8 for a uniform one
    if abs(fourth - 3) > 0.3:
        return "the spread is right, the shape is not: draw from a normal distribution"
    return "" if not layer.bias.any() else "the bias should be zero"


READINGS = {
    1: "with He's initialization the plain stack has healthy gradients at 24 layers, and no skip",
    3: "look at the steadiness: with batch norm and without skips it falls toward 0",
    4: "nine layers were trained; what skips gain grows with depth, as the reference of four depths shows",
    5: "steady, yes, but look at the size of those gradients: without batch norm the sums explode",
}


@exercise
def what_is_shown(answer) -> str:
    """The number of the one sentence that the runs of the notebook support."""
    given = number(answer)
    return "" if given == 2 else READINGS.get(given, "a number from 1 to 5 is wanted")
