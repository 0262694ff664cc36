"""Plots return axes and neither show, save nor print; figures are saved with alt text, the same bytes each time."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402
import pytest  # noqa: E402

from helpers.plots import curves, grids, images  # noqa: E402
from helpers.plots.style import caption, save_figure, use_style  # noqa: E402

ROWS = [{"epoch": e, "train_loss": 1 / e, "val_loss": 1.2 / e, "train_accuracy": 0.5, "val_accuracy": 0.4}
        for e in (1, 2)]
PICTURES = np.random.default_rng(0).integers(0, 256, (6, 3, 32, 32), dtype=np.uint8)
PLOTS = {
    "history": lambda ax: curves.plot_history(ROWS, "accuracy", ax=ax, reference_rows=ROWS),
    "lines": lambda ax: curves.plot_lines({"a": ([1, 2], [3, 4]), "b": ([1], [4])}, ax=ax, xlabel="x", ylabel="y"),
    "schedule": lambda ax: curves.plot_schedule([1, 2, 1], [0.9, 0.8, 0.9], ax=ax),
    "range test": lambda ax: curves.plot_range_test([0.1, 1, 10], [2, 1, 3], {"steepest": 0.5}, ax=ax),
    "histogram": lambda ax: curves.plot_histogram(np.ones((3, 4)), np.arange(5), ax=ax),
    "bars": lambda ax: curves.plot_bars(["a", "b"], [1, 2], low=[0, 1], high=[2, 3], ax=ax, xlabel="x", ylabel="y"),
    "confusion": lambda ax: grids.plot_confusion(np.arange(9).reshape(3, 3), "abc", ax=ax),
}


@pytest.fixture(autouse=True)
def clean(monkeypatch):
    monkeypatch.delenv("CIFAR_PROFILE", raising=False)
    use_style()
    yield
    plt.close("all")


@pytest.mark.parametrize("name", PLOTS)
def test_plots_draw_on_the_axes_they_are_given(name, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(plt, "show", lambda: pytest.fail("plots never show"))
    _, ax = plt.subplots()
    assert PLOTS[name](ax) is ax and capsys.readouterr().out == ""
    first = save_figure(ax, "a", alt="a figure", folder=tmp_path).read_bytes()
    plt.close("all")
    _, again = plt.subplots()
    assert save_figure(PLOTS[name](again), "b", alt="a figure", folder=tmp_path).read_bytes() == first
    assert (tmp_path / "a.txt").read_text() == "a figure\n"


def test_galleries():
    figure = images.plot_predictions(PICTURES, [0] * 6, [1] * 6, [0.5] * 6, ("cat", "dog"))
    assert figure.axes[0].get_title() == "cat\n→ dog (50%)"
    grid = images.plot_class_grid(PICTURES, [0, 1, 0, 1, 0, 1], ("cat", "dog"), per_class=3)
    shown = [np.moveaxis(ax.images[0].get_array(), -1, 0) for ax in grid.axes[:3]]
    assert all(np.array_equal(a, b) for a, b in zip(shown, PICTURES[::2], strict=True))


def test_saving_refuses_what_nobody_could_read(tmp_path):
    _, ax = plt.subplots()
    ax.plot([1, 2])
    with pytest.raises(ValueError, match="no axis labels"):
        save_figure(ax, "a", alt="a line", folder=tmp_path)
    ax.set(xlabel="x", ylabel="y")
    with pytest.raises(ValueError, match="alt text is empty"):
        save_figure(ax, "a", alt=" ", folder=tmp_path)
    caption(ax, "n = 1")
    kinds = ("png", "svg", "pdf")
    save_figure(ax, "a", alt="a line", folder=tmp_path, formats=kinds)
    assert {p.suffix for p in tmp_path.iterdir()} == {".png", ".svg", ".pdf", ".txt"}


def test_smoke_figures_are_stamped(tmp_path, monkeypatch):
    monkeypatch.setenv("CIFAR_PROFILE", "smoke")
    _, ax = plt.subplots()
    ax.set(xlabel="x", ylabel="y")
    save_figure(ax, "a", alt="empty", folder=tmp_path)
    assert any("not CIFAR" in text.get_text() for text in ax.figure.texts)


def test_bad_shapes_are_refused():
    with pytest.raises(ValueError, match="not normalized"):
        images.show_images(PICTURES.astype(float))
    with pytest.raises(ValueError, match="does not fit"):
        grids.plot_matrix(np.ones((2, 2)), "ab", "abc")
    with pytest.raises(ValueError, match="bins"):
        curves.plot_histogram(np.ones((3, 4)), np.arange(4))
    with pytest.raises(ValueError, match="choose"):
        curves.plot_history(ROWS, "speed")
