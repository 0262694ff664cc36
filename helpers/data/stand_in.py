"""The offline stand-in: ten classes of generated shapes, for when there are no real images."""

from __future__ import annotations

import numpy as np
import torch

from helpers.data.image_set import ImageSet
from helpers.env import look_up

STREAMS = {"train": 0, "test": 1}  # split → stream of random numbers
BLOCK = 500  # stand-in images drawn at a time: 50,000 at once would take 4 GB


def make_stand_in(split: str, count: int, seed: int = 0) -> ImageSet:
    """``shapes10``: ten classes of generated 32 × 32 color images, for when there are no real ones.

    A textured shape, the class, of random place, size and color on clutter, so that crop, flip and cutout help.
    `split` is ``"train"`` or ``"test"``, which have no image in common.
    """
    if count < 1:
        raise ValueError(f"count={count}: need at least one image")
    rng = np.random.default_rng([seed, look_up(STREAMS, split, "split")])
    labels = rng.permutation(np.arange(count) % len(SHAPES))
    traits = _draw_traits(count, rng)
    images = np.empty((count, 3, 32, 32), np.uint8)
    for start in range(0, count, BLOCK):
        block = slice(start, start + BLOCK)
        scene = _paint(labels[block], {name: values[block] for name, values in traits.items()})
        scene += rng.normal(0, 0.06, scene.shape).astype(np.float32)  # grain, the last draw
        images[block] = (scene.clip(0, 1) * 255).round()
    return ImageSet(torch.from_numpy(images), torch.from_numpy(labels), SHAPES, "shapes10", real=False)


def _draw_traits(count: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """What is random in `count` scenes, image by image; the order of the draws decides what they are."""
    def column(low, high):
        return rng.uniform(low, high, (count, 1, 1)).astype(np.float32)

    traits = {"angle": column(-0.35, 0.35), "size": column(0.35, 0.7),
              "right": column(-0.4, 0.4), "down": column(-0.4, 0.4),
              "pitch": column(4, 25), "turn_x": column(0, 3), "turn_y": column(0, 3)}
    traits["clutter"] = rng.normal(0, 0.22, (count, 3, 8, 8)).astype(np.float32)
    colors = rng.uniform(0.1, 0.9, (2, count, 3, 1, 1)).astype(np.float32)
    traits["shape_color"], traits["ground_color"] = colors
    return traits


def _paint(labels: np.ndarray, traits: dict[str, np.ndarray]) -> np.ndarray:
    """Scenes float32 (n, 3, 32, 32), about 0–1: a striped shape on cluttered ground."""
    y, x = np.mgrid[-1:1:32j, -1:1:32j].astype(np.float32)
    dx = x - traits["right"]
    dy = y - traits["down"]
    cos, sin = np.cos(traits["angle"]), np.sin(traits["angle"])
    u = (cos * dx + sin * dy) / traits["size"]
    v = (cos * dy - sin * dx) / traits["size"]
    inside = np.zeros(u.shape, bool)
    for label, contains in enumerate(SHAPE_RULES.values()):
        own = labels == label
        inside[own] = contains(u[own], v[own])
    stripes = 0.15 * np.sin(traits["pitch"] * (x * np.cos(traits["turn_x"]) + y * np.sin(traits["turn_y"])))
    ground = traits["ground_color"] + traits["clutter"].repeat(4, 2).repeat(4, 3)
    return np.where(inside[:, None], traits["shape_color"] + stripes[:, None], ground)


def _box(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.maximum(abs(u), abs(v)) < 0.9


SHAPE_RULES = {  # which points belong to a shape, in coordinates −1 … 1; in the order of the labels
    "disk": lambda u, v: np.hypot(u, v) < 1,
    "square": _box,
    "triangle": lambda u, v: (v < 0.8) & (v > 2.2 * abs(u) - 1),
    "ring": lambda u, v: (np.hypot(u, v) < 1) & (np.hypot(u, v) > 0.55),
    "cross": lambda u, v: _box(u, v) & (np.minimum(abs(u), abs(v)) < 0.28),
    "bars": lambda u, v: _box(u, v) & (np.sin(7 * u) > 0),
    "diamond": lambda u, v: abs(u) + abs(v) < 1,
    "arch": lambda u, v: (np.hypot(u, v) < 1) & (np.hypot(u, v) > 0.5) & (v < 0.1),
    "checker": lambda u, v: _box(u, v) & (np.sin(5 * u) * np.sin(5 * v) > 0),
    "star": lambda u, v: np.hypot(u, v) < 0.62 + 0.38 * np.cos(5 * np.arctan2(v, u)),
}
SHAPES = tuple(SHAPE_RULES)
