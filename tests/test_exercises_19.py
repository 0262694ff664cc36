"""Checks of notebook 19: right answers pass, likely mistakes get their hint, and nothing stops a notebook."""

import statistics

import torch
from exercise_cases import make_tests

from helpers.exercises import training_speed as checks


def once(run, clock):
    started = clock()
    run()
    return clock() - started


def in_turn(summary=statistics.median, first=1):
    """Each way `repeats` + 1 times, in turn; the readings from `first` on are summarized."""
    def time_ways(ways, repeats, clock):
        readings = {name: [] for name in ways}
        for _ in range(repeats + 1):
            for name, run in ways.items():
                readings[name].append(once(run, clock))
        return {name: summary(values[first:]) for name, values in readings.items()}
    return time_ways


def warm_ups_first(ways, repeats, clock):
    for run in ways.values():
        run()
    rounds = [{name: once(run, clock) for name, run in ways.items()} for _ in range(repeats)]
    return {name: statistics.median(one[name] for one in rounds) for name in ways}


def of_the_notebook(ways, repeats, clock):
    """As it stands there, to be repaired."""
    seconds = {}
    for name, run in ways.items():
        started = clock()
        for _ in range(repeats):
            run()
        seconds[name] = (clock() - started) / repeats
    return seconds


def one_after_the_other(ways, repeats, clock):
    found = {}
    for name, run in ways.items():
        run()
        found[name] = statistics.median(once(run, clock) for _ in range(repeats))
    return found


def without_warm_up(ways, repeats, clock):
    rounds = [{name: once(run, clock) for name, run in ways.items()} for _ in range(repeats)]
    return {name: statistics.median(one[name] for one in rounds) for name in ways}


def just_once(ways, repeats, clock):
    return {name: once(run, clock) for name, run in ways.items()}


def by_svd(matrix):
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    return left @ right


def rounds(count, divide=True, of=lambda x: 1.5 * x - 0.5 * x @ x.T @ x):
    def iterate(matrix):
        x = matrix / matrix.norm() if divide else matrix
        for _ in range(count):
            x = of(x)
        return x
    return iterate


def operations(factor=6, late=0, first=32, images=True):
    def count(macs, num_epochs, image_sizes, number):
        sizes = [first] * num_epochs
        for begin, size in image_sizes:
            sizes[begin + late:] = [size] * len(sizes[begin + late:])
        return factor * sum(macs(size) for size in sizes) * (number if images else 1)
    return count


RIGHT = [
    (checks.time_ways, in_turn()),
    (checks.time_ways, warm_ups_first),
    (checks.newton_schulz, by_svd),
    (checks.newton_schulz, rounds(15)),
    (checks.run_operations, operations()),
    (checks.run_operations, lambda *given: torch.tensor(operations()(*given))),
    (checks.unfair, ["a", "b", "e"]),
    (checks.unfair, ("E", "A", "B")),
]
WRONG = [
    (checks.time_ways, of_the_notebook, "take turns"),
    (checks.time_ways, one_after_the_other, "take turns"),
    (checks.time_ways, without_warm_up, "uncounted"),
    (checks.time_ways, in_turn(first=0), "counted: leave the first"),
    (checks.time_ways, in_turn(statistics.mean), "median"),
    (checks.time_ways, in_turn(statistics.mean, first=0), "counted: leave the first"),
    (checks.time_ways, in_turn(min), "luckiest"),
    (checks.time_ways, just_once, "only 1 times"),
    (checks.time_ways, lambda *given: None, "return"),
    (checks.time_ways, lambda *given: list(in_turn()(*given).values()), "dictionary"),
    (checks.newton_schulz, rounds(0), "has a round been run"),
    (checks.newton_schulz, lambda matrix: matrix, "has a round been run"),
    (checks.newton_schulz, rounds(4), "more rounds"),
    (checks.newton_schulz, rounds(15, divide=False), "without bounds"),
    (checks.newton_schulz, rounds(15, of=lambda x: 1.5 * x - 0.5 * x * x * x), "not products of entries"),
    (checks.newton_schulz, lambda matrix: by_svd(matrix).T, "the shape is to stay"),
    (checks.newton_schulz, lambda matrix: None, "return"),
    (checks.run_operations, operations(factor=1), "multiply-accumulates of forward"),
    (checks.run_operations, operations(factor=2), "forward passes alone"),
    (checks.run_operations, operations(factor=3), "two operations"),
    (checks.run_operations, operations(factor=4), "backward pass"),
    (checks.run_operations, operations(images=False), "single image"),
    (checks.run_operations, lambda macs, epochs, sizes, images: 6 * macs(32) * epochs * images, "one size for all"),
    (checks.run_operations, operations(late=1), "one epoch late"),
    (checks.run_operations, operations(first=24), "full size, 32"),
    (checks.unfair, ["a", "b"], "rests on one"),
    (checks.unfair, ["b", "e"], "tuned"),
    (checks.unfair, ["a", "b", "c", "e"], "six views"),
    (checks.unfair, ["d"], "validation chose"),
    (checks.unfair, ["f"], "letters from a to e"),
]

test_passes, test_gets_its_hint, test_never_stops_a_notebook = make_tests(RIGHT, WRONG)
