"""Checks of the exercises: each prints ✓ or a hint in words, and never stops a notebook."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

import torch

from helpers.exercises import answers

__all__ = ["exercise", "show_prediction"]


def exercise(check: Callable) -> Callable:
    """Turn ``check(answer) -> hint or ""`` into a check that prints ✓ or ✗ with the hint.

    ``None`` as the answer reads "not answered yet"; an exception inside the check becomes a hint too,
    so that an answer of the wrong kind never stops "Run all". The reader's random numbers go on as if there had been
    no check. Returns True if the answer passed.
    """
    @wraps(check)
    def checked(answer, *arguments) -> bool:
        if answer is None:
            print("✗ not answered yet")
            return False
        try:
            with torch.random.fork_rng(devices=[]):
                hint = answers.unusable(answer) or check(answer, *arguments)
        except answers.UnusableError as error:
            hint = str(error)
        except Exception as error:
            hint = f"this answer could not be read ({type(error).__name__}: {error})"
        print(f"✗ {hint}" if hint else "✓")
        return not hint
    return checked


def show_prediction(prediction, measured, unit: str = "") -> None:
    """Print a reader's guess beside the measurement; a guess of None reads "not given"."""
    try:
        guess = "not given" if prediction is None else f"{answers.number(prediction):.4g}{unit}"
    except Exception:  # text, or several numbers: a guess never stops a notebook
        guess = f"{prediction!r} (no number)"
    print(f"your guess: {guess} · measured: {float(measured):.4g}{unit}")
