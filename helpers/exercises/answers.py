"""What any exercise may be handed: read as a number, or told apart from one."""

import numpy as np


class UnusableError(ValueError):
    """An answer of the wrong kind; its text is the hint."""


def unusable(answer) -> str:
    """A hint where no exercise could take the answer: text, or something with NaN in it."""
    if isinstance(answer, str):
        return (f"this is text, {answer[:20]!r}: give letters in a list, as ['b']; anything else, a number or a "
                "function, without quotes")
    try:
        values = _as_array(answer)
    except Exception:  # a function, a network, a list of names: no numbers, and so no NaN
        return ""
    if np.isnan(values).any():
        return "NaN is no number: is there a division by zero, or a mean of nothing?"
    return ""


def _as_array(answer) -> np.ndarray:
    if hasattr(answer, "detach"):  # a tensor, perhaps on a GPU, or a loss that still knows its gradient
        answer = answer.detach().cpu()
    return np.asarray(answer, dtype=float)


def number(answer) -> float:
    """The answer as one number; an array or a list of several raises, which `exercise` turns into a hint."""
    values = _as_array(answer)
    if values.size != 1:
        raise TypeError(f"one number is wanted, this has the shape {values.shape}")
    return values.item()


def letters(answer, known: str) -> set[str]:
    """The letters of an answer such as ``["A", "c"]``, in lower case, each of them one of `known`."""
    given = {str(letter).strip().lower() for letter in answer}
    if not given or not given <= set(known):
        unknown = f", not {sorted(given - set(known))}" if given else ""
        raise UnusableError(f"give letters from {known[0]} to {known[-1]} in a list, for example ['a']{unknown}")
    return given


def ask_for_missing(right: set, given: set, hints: dict[str, str]) -> str:
    """The hint for the first letter that is missing, once no wrong one is left."""
    return f"right so far, and there is one more: {hints[min(right - given)]}"
