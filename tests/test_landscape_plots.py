"""Maps and surfaces share the limits that they are given, and say what does not fit."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402
import pytest  # noqa: E402
import torch  # noqa: E402

from helpers.plots import plot_contours, plot_paths, plot_surface, save_figure, use_style  # noqa: E402

XS, YS = np.linspace(-1, 1, 5), np.linspace(-1, 1, 4)
LOSSES = 1 + YS[:, None] ** 2 + 3 * (XS + 1)[None, :]
PLOTS = {"contours": (plot_contours, {}), "surface": (plot_surface, {"projection": "3d"})}


@pytest.fixture(autouse=True)
def clean(monkeypatch):
    monkeypatch.delenv("CIFAR_PROFILE", raising=False)
    use_style()
    yield
    plt.close("all")


@pytest.mark.parametrize("name", PLOTS)
def test_draws_on_the_axes_it_is_given_the_same_each_time(name, tmp_path, capsys):
    plot, options = PLOTS[name]
    files = []
    for number in range(2):
        _, ax = plt.subplots(subplot_kw=options)
        assert plot(XS, YS, LOSSES, ax=ax, title="a $ sign") is ax
        files.append(save_figure(ax, str(number), alt="a figure", folder=tmp_path).read_bytes())
    assert files[0] == files[1] and capsys.readouterr().out == ""


@pytest.mark.parametrize("name", PLOTS)
def test_makes_axes_of_its_own(name):
    assert PLOTS[name][0](XS, YS, LOSSES).get_xlabel() == "step along direction a"


@pytest.mark.parametrize("name", PLOTS)
def test_losses_that_are_not_finite_count_as_the_highest(name):
    broken = LOSSES.copy()
    broken[0, 0], broken[1, 1] = np.inf, np.nan
    PLOTS[name][0](XS, YS, broken, limits=(1, 5))


def test_shared_limits_give_shared_contours_and_heights():
    levels = [plot_contours(XS, YS, losses, limits=(1, 5)).collections[0].levels for losses in (LOSSES, 2 * LOSSES)]
    assert (levels[0] == levels[1]).all() and levels[0][0] == pytest.approx(1) and levels[0][-1] == pytest.approx(5)
    assert plot_surface(XS, YS, LOSSES, limits=(1, 5)).get_zlim() == pytest.approx((0, np.log10(5)))


@pytest.mark.parametrize("name", PLOTS)
def test_what_does_not_fit_is_refused(name):
    plot = PLOTS[name][0]
    with pytest.raises(ValueError, match=r"losses \(5, 4\) do not fit 4 ys × 5 xs"):
        plot(XS, YS, LOSSES.T)
    with pytest.raises(ValueError, match="need 0 < low < high"):
        plot(XS, YS, LOSSES, limits=(0, 5))


def test_flat_axes_are_refused_for_a_surface():
    with pytest.raises(ValueError, match="these axes are flat"):
        plot_surface(XS, YS, LOSSES, ax=plt.subplots()[1])


def test_a_narrow_range_of_losses_has_ticks_that_differ():
    ax = plot_contours(XS, YS, LOSSES, limits=(2.31, 2.61))
    bar = ax.figure.axes[1]
    words = [label.get_text() for label in bar.get_yticklabels()]
    heights = [label.get_text() for label in plot_surface(XS, YS, LOSSES, limits=(2.31, 2.61)).get_zticklabels()]
    assert len(set(words)) == len(words) > 2
    assert len(set(heights)) == len(heights) > 2


def test_paths_go_where_they_went_over_rings_of_equal_loss():
    paths = {"slow": torch.tensor([[2.0, 1.0], [1.0, 1.0], [0.0, 1.0]]), "fast": [[2.0, 1.0], [0.0, 0.0]]}
    ax = plot_paths(paths, lambda x, y: 4 * x**2 + y**2, marks={"x": [(0, 1), (0, 0)], "+": [(-3, 0)]},
                    xlabel="a", ylabel="b")
    slow, fast, ends, far = (line.get_xydata().tolist() for line in ax.lines)
    assert (slow, fast) == (paths["slow"].tolist(), paths["fast"])
    assert ends == [[0, 1], [0, 0]] and far == [[-3, 0]] and [line.get_marker() for line in ax.lines[2:]] == ["x", "+"]
    (rings,) = ax.collections
    assert np.diff(np.sqrt(rings.levels), 2) == pytest.approx(0)  # equal steps outward, since this loss is a square
    for level, ring in zip(rings.levels, rings.get_paths(), strict=True):
        x, y = ring.vertices.T
        assert 4 * x**2 + y**2 == pytest.approx(np.full(len(x), level), rel=0.1)


def test_paths_and_marks_lie_inside_the_frame_and_so_do_rings():
    ax = plot_paths({"way": [[2.0, 1.0], [0.0, 0.0]]}, lambda x, y: x**2 + y**2, marks={"+": [(-3, 4)]},
                    xlabel="a", ylabel="b")
    (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
    assert left < -3 and right > 2 and low < 0 and high > 4
    x, y = np.concatenate([ring.vertices for ring in ax.collections[0].get_paths()]).T
    assert left <= x.min() < -2.9 and x.max() <= right and low <= y.min() and 3.9 < y.max() <= high


def test_the_labels_of_a_surface_are_not_cut_off():
    figure, axes = plt.subplots(1, 2, figsize=(8.5, 4.6), subplot_kw={"projection": "3d"})
    for ax in axes:
        plot_surface(XS, YS, LOSSES, ax=ax, title="a title")
    figure.canvas.draw()
    for ax, edge in zip(axes, (axes[1].bbox.x0, figure.bbox.x1), strict=True):  # what lies to the right of each
        assert ax.zaxis.label.get_window_extent().x1 <= edge
