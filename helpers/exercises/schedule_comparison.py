"""Checks of notebook 18."""

import numpy as np
import torch

from helpers.exercises import exercise
from helpers.exercises.answers import ask_for_missing, letters

UNFAIR = {"a", "d"}


@exercise
def warm_cosine(function) -> str:
    """A function of the share t of a run that is over → share of the peak: up in a fifth, then half a cosine down."""
    if not callable(function):
        return "hand over the function itself, without calling it"
    up, down = np.array([0.0, 0.05, 0.1, 0.15]), np.array([0.2, 0.3, 0.5, 0.6, 0.8, 0.9, 1.0])
    if function(0.1) is None:
        return "the function returns nothing: is there a return?"
    rising = np.array([float(function(float(t))) for t in up])
    falling = np.array([float(function(float(t))) for t in down])
    return _rise_hint(rising, up) or _fall_hint(falling, down)


def _rise_hint(rising: np.ndarray, t: np.ndarray) -> str:
    if np.allclose(rising, t / 0.2, atol=2e-3):
        return ""
    if np.allclose(rising, t, atol=2e-3):
        return "at t = 0.1 half of the warm-up is over, so half of the peak is wanted: divide by its length"
    if np.allclose(rising, (1 + np.cos(np.pi * t)) / 2, atol=2e-3) or np.all(rising > 0.99):
        return "it begins at the peak: where is the warm-up, from 0 at t = 0 to 1 at t = 0.2?"
    return "the first fifth is a straight line: 0 at t = 0, 0.5 at t = 0.1, 1 at t = 0.2"


def _fall_hint(falling: np.ndarray, t: np.ndarray) -> str:
    over = (t - 0.2) / 0.8
    mistakes = {
        "the fall begins at t = 0.2: which share of the *rest* is over at t?": (1 + np.cos(np.pi * t)) / 2,
        "at t = 1 that has not arrived: the rest is 0.8 long, not 1": (1 + np.cos(np.pi * (t - 0.2))) / 2,
        "a cosine goes from 1 to −1, and a negative rate climbs the loss: lift it by 1, halve it": np.cos(np.pi * over),
        "that is a quarter of a cosine wave, steepest at the end; half a wave is flat at both ends":
            np.cos(np.pi * over / 2),
        "that is the straight line; the fall is to be half a cosine": 1 - over,
        "that goes up again: at t = 0.2 it should be 1, at t = 1 it should be 0": (1 - np.cos(np.pi * over)) / 2,
    }
    if np.allclose(falling, (1 + np.cos(np.pi * over)) / 2, atol=2e-3):
        return ""
    for hint, mistake in mistakes.items():
        if np.allclose(falling, mistake, atol=2e-3):
            return hint
    return "the warm-up is right; after it: 1 at t = 0.2, 0.5 at t = 0.6, 0 at t = 1, along (1 + cos) / 2"


@exercise
def rates_per_step(function) -> str:
    """A repaired function (num_epochs, steps_per_epoch) → the rate of each step, half a cosine from 0.4 to 0."""
    if not callable(function):
        return "hand over the function itself, without calling it"
    epochs, steps = 3, 5
    given = function(epochs, steps)
    if given is None:
        return "the function returns nothing: is there a return?"
    given = np.asarray(given, dtype=float).ravel()
    if len(given) != epochs * steps:
        return f"{epochs} epochs of {steps} steps have {epochs * steps} rates, one per step; this has {len(given)}"
    number = np.arange(epochs * steps)
    if np.allclose(given, _half_cosine(number / len(number)), atol=1e-6):
        return ""
    return _schedule_hint(given, number, epochs, steps)


def _half_cosine(share) -> np.ndarray:
    return 0.4 * (1 + np.cos(np.pi * np.asarray(share, dtype=float))) / 2


def _schedule_hint(given: np.ndarray, number: np.ndarray, epochs: int, steps: int) -> str:
    total = epochs * steps
    if np.ptp(given.reshape(epochs, steps), axis=1).max() < 1e-9:
        return "the rate stands still within an epoch: the schedule should be stepped after every update"
    if np.allclose(given, _half_cosine((number + 1) / epochs), atol=1e-6) or np.allclose(
            given, _half_cosine(number / epochs), atol=1e-6):
        return (f"the rate is at 0 after {epochs} steps, and comes up again: T_max counts calls of scheduler.step(), "
                "and there is one per step")
    if np.allclose(given, _half_cosine((number + 1) / total), atol=1e-6):
        return "off by one: no update gets the first rate, and the last gets 0; note the rate, update, then step"
    if np.allclose(given, _half_cosine(number / (total - 1)), atol=1e-6):
        return "T_max is the number of all steps; with one less, the last update has rate 0 and is wasted"
    return "the first update has rate 0.4, the next a little less, along half a cosine over *all* steps"


@exercise
def running_average(function) -> str:
    """A function (average, weights, count) → the average of count + 1 weights, of which `average` holds count."""
    if not callable(function):
        return "hand over the function itself, without calling it"
    weights = torch.randn(5, 3, 2, generator=torch.Generator().manual_seed(18))
    first = function(torch.full((3, 2), 7.0), weights[0].clone(), 0)
    if first is None:
        return "the function returns nothing: is there a return?"
    first = torch.as_tensor(first).float()
    if first.shape != weights[0].shape:
        return f"one average, of the shape {tuple(weights[0].shape)} of the weights; this has {tuple(first.shape)}"
    if not first.isfinite().all():
        return "at count = 0 nothing is averaged yet, and you divide by 0: how many are there *afterwards*?"
    return _average_hint(function, weights, first)


def _average_hint(function, weights: torch.Tensor, first: torch.Tensor) -> str:
    seen = _run(function, weights)
    by_halves = _run(lambda average, new, count: (average + new) / 2, weights)
    by_tenths = _run(lambda average, new, count: 0.9 * average + 0.1 * new, weights)
    if torch.allclose(seen, by_halves, atol=1e-4) or torch.allclose(seen, by_tenths, atol=1e-4):
        return "a fixed share forgets early weights: the new one should count 1 of (count + 1)"
    if torch.allclose(seen, 7 + weights.sum(0), atol=1e-3) or torch.allclose(seen, weights.sum(0), atol=1e-3):
        return "that is a sum: divide by how many there are"
    if not torch.allclose(first, weights[0], atol=1e-4):
        return "with count = 0 the average of one is the weights themselves, whatever stood in `average` before"
    if torch.allclose(seen, weights.mean(0), atol=1e-4):
        return ""
    if torch.allclose(seen, weights[-1], atol=1e-4):
        return "that is the last of the weights, not an average"
    return "fed with five weights one after the other, it should end at their mean: old · count / (count + 1) + …"


def _run(function, weights: torch.Tensor) -> torch.Tensor:
    average = torch.full((3, 2), 7.0)
    for count, new in enumerate(weights):
        average = torch.as_tensor(function(average.clone(), new.clone(), count)).float()
    return average


@exercise
def unfair(answer) -> str:
    """Which of five points about a comparison, by letter, favor one side."""
    given = letters(answer, "abcde")
    if given == UNFAIR:
        return ""
    if "b" in given:
        return "b: an equal number of epochs is what makes two schedules comparable"
    if "c" in given:
        return "c: the same seeds on both sides are what a paired difference needs"
    if "e" in given:
        return "e: at the end of both schedules is the right moment, since a falling rate pays late"
    return ask_for_missing(UNFAIR, given, {
        "a": "how many tries did each side get to find its rate?",
        "d": "how was each side measured?"})
