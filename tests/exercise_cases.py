"""The three tests that the checks of every notebook share, made from its right and its wrong answers."""

from time import process_time

import pytest

SECONDS = 2  # of processor time, for a check
WRONG_KINDS = [None, "text", float("nan"), [], {}, object(), print, lambda: 1]


def make_tests(right, wrong):
    """Three tests, from ``(check, answer)`` pairs that pass and ``(check, answer, hint)`` triples that do not."""
    @pytest.mark.parametrize("check, answer", right)
    def passes(check, answer):
        started = process_time()
        assert check(answer) and check(answer), "the same answer passes twice"
        assert process_time() - started < 2 * SECONDS

    @pytest.mark.parametrize("check, answer, hint", wrong)
    def gets_its_hint(check, answer, hint, capsys):
        assert not check(answer)
        assert hint in capsys.readouterr().out

    @pytest.mark.parametrize("check", list(dict.fromkeys(check for check, _ in right)))
    @pytest.mark.parametrize("answer", WRONG_KINDS)
    def never_stops_a_notebook(check, answer):
        assert not check(answer)

    return passes, gets_its_hint, never_stops_a_notebook
