"""Checks of notebook 01: right answers pass, likely mistakes get their hint, and nothing stops a notebook."""

import torch
from exercise_cases import make_tests

from helpers.exercises import statistics as checks


def nearest(images, means, convert=lambda x: x.double(), power=2, pick="argmin"):
    sums = torch.stack([(convert(images) - convert(mean)).pow(power).sum((1, 2, 3)) for mean in means])
    return getattr(sums, pick)(0)


def late(images, means):
    return torch.stack([(images - mean).double().pow(2).sum((1, 2, 3)) for mean in means]).argmin(0)


def joined(batches):
    pixels = torch.cat(list(batches)).double() / 255
    return pixels.mean((0, 2, 3)), pixels.std((0, 2, 3))


def running(batches):
    count, total, squares = 0, 0, 0
    for batch in batches:
        pixels = batch.double().div(255).transpose(0, 1).flatten(1)
        count += pixels.shape[1]
        total = total + pixels.sum(1)
        squares = squares + pixels.square().sum(1)
    mean = total / count
    return mean, (squares / count - mean**2).sqrt()


def of_batches(batches):
    parts = [batch.double() / 255 for batch in batches]
    return (torch.stack([part.mean((0, 2, 3)) for part in parts]).mean(0),
            torch.stack([part.std((0, 2, 3)) for part in parts]).mean(0))


def per_image(batches):
    pixels = torch.cat(batches).double() / 255
    return pixels.mean((0, 2, 3)), pixels.std((2, 3)).mean(0)


def per_batch(batches):
    return joined(batches)[0], of_batches(batches)[1]


def shares(found, listed):
    both = (found & listed).sum()
    return both / found.sum(), both / listed.sum()


RIGHT = [(checks.nearest_mean, nearest), (checks.nearest_mean, lambda x, m: nearest(x, m, lambda one: one.int())),
         (checks.nearest_mean, lambda x, m: nearest(x, m).tolist()),
         (checks.pixel_statistics, joined), (checks.pixel_statistics, running),
         (checks.precision_recall, shares), (checks.precision_recall, lambda f, t: [float(x) for x in shares(f, t)]),
         (checks.sentences, "d e b".split()), (checks.sentences, ("B", "D", "E"))]
WRONG = [
    (checks.nearest_mean, lambda x, m: nearest(x, m, lambda one: one), "what is 3 − 5"),
    (checks.nearest_mean, late, "too late"),
    (checks.nearest_mean, lambda x, m: nearest(x, m, pick="argmax"), "farthest"),
    (checks.nearest_mean, lambda x, m: nearest(x, m, power=1), "cancel"),
    (checks.nearest_mean, lambda x, m: nearest(x, m)[:5], "one class per image"),
    (checks.nearest_mean, 3, "function itself"),
    (checks.pixel_statistics, lambda b: [255 * part for part in joined(b)], "divide the pixels"),
    (checks.pixel_statistics, lambda b: joined(b)[::-1], "wrong order"),
    (checks.pixel_statistics, lambda b: (joined(b)[0], joined(b)[1] ** 2), "root is missing"),
    (checks.pixel_statistics, of_batches, "must count less"),
    (checks.pixel_statistics, per_image, "per-image spreads"),
    (checks.pixel_statistics, per_batch, "differences between batches"),
    (checks.pixel_statistics, lambda b: (joined(b[:2])[0], joined(b)[1]), "not that over all pixels"),
    (checks.pixel_statistics, lambda b: (0.5, 0.2), "three numbers"),
    (checks.pixel_statistics, lambda b: None, "return"),
    (checks.precision_recall, lambda f, t: shares(f, t)[::-1], "swapped"),
    (checks.precision_recall, lambda f, t: ((f & t).float().mean(), (f & t).float().mean()), "share of all images"),
    (checks.precision_recall, lambda f, t: ((f & t).sum(), (f & t).sum()), "at most 1"),
    (checks.precision_recall, lambda f, t: (f.float().mean(), t.float().mean()), "count those"),
    (checks.sentences, ["a", "b", "d", "e"], "not listed"),
    (checks.sentences, ["b", "c", "d", "e"], "between images"),
    (checks.sentences, ["d", "e"], "9,500"),
    (checks.sentences, ["b", "e"], "each network lost"),
    (checks.sentences, ["b", "d"], "no color"),
    (checks.sentences, ["f"], "from a to e"),
]


test_right_answers_pass, test_likely_mistakes_get_their_hint, test_a_wrong_kind_never_stops = make_tests(RIGHT, WRONG)
