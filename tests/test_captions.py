"""Captions from fields say what records say; free text stays as it is; a figure keeps both for the manifest."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
import pytest  # noqa: E402

from helpers.experiments.records import RECORDS, device_of, load_record, runs_of, settings_of  # noqa: E402
from helpers.plots.captions import caption, fields_of  # noqa: E402

RECORD = {
    "experiment": "made_up", "profile": "full", "device": "CPU, 2 threads",
    "data": {"name": "cifar10", "real": True, "train_images": 45_000}, "config": {"train_images": 10_000},
    "runs": [{"seed": seed, "changes": {"max_lr": rate, "seed": seed}, "device": "CPU, 1 threads"}
             for rate, seeds in ((0.1, (0, 1, 2)), (0.4, (0, 1, 2, 3, 4))) for seed in seeds],
}


@pytest.fixture
def figure():
    yield plt.figure()
    plt.close("all")


def written(figure):
    return figure.get_supxlabel().replace("\u00a0", " ").replace("\n", " ")


def test_free_text_is_written_as_it_is_and_nothing_is_read_out_of_it(figure):
    caption(figure, "reference, n = 3 seeds, CPU, 1 threads")
    assert figure.get_supxlabel() == "reference, n\u00a0=\u00a03 seeds, CPU, 1 thread"
    fields = fields_of(figure)
    assert fields.pop("caption") == "reference, n = 3 seeds, CPU, 1 thread" and set(fields.values()) == {None}


def test_a_figure_without_caption_has_no_fields(figure):
    assert set(fields_of(figure).values()) == {None}


def test_a_record_says_everything(figure):
    caption(figure, "thin: one seed", record=RECORD)
    assert written(figure) == ("reference run: CIFAR-10, 10,000 images, n = 3 to 5 seeds (0–4), profile full, "
                               "CPU, 1 thread; thin: one seed")
    assert fields_of(figure) == {
        "source": "reference run", "data": "CIFAR-10, 10,000 images", "n": (3, 5), "seeds": (0, 1, 2, 3, 4),
        "profile": "full", "device": "CPU, 1 thread", "beside": None,
        "caption": written(figure)}


def test_only_the_runs_that_are_drawn_count(figure):
    caption(figure, record=RECORD, runs=runs_of(RECORD, {"max_lr": 0.1}))
    assert "n = 3 seeds (0–2)" in written(figure)
    caption(figure, record=RECORD, runs=RECORD["runs"][1:2])
    assert "n = 1 seed (1)" in written(figure)
    with pytest.raises(ValueError, match="no runs of 'made_up'"):
        caption(figure, record=RECORD, runs=[])
    with pytest.raises(ValueError, match="pass record="):
        caption(figure, runs=RECORD["runs"])


def test_a_readers_run_is_told_by_its_fields_and_a_reference_beside_it_by_its_record(figure):
    about = {"data": "stand-in data, not CIFAR, 500 images", "profile": "smoke", "device": "GPU"}
    caption(figure, "gray: reference", seeds=[7], beside=RECORD, **about)
    assert written(figure) == (
        "your run: stand-in data, not CIFAR, 500 images, n = 1 seed (7), profile smoke, GPU; reference run: CIFAR-10, "
        "10,000 images, n = 3 to 5 seeds (0–4), profile full, CPU, 1 thread; gray: reference")
    fields = fields_of(figure)
    assert fields["n"] == 1 and fields["seeds"] == (7,) and fields["beside"]["n"] == (3, 5)


def test_what_is_given_goes_before_what_the_record_says(figure):
    caption(figure, record=RECORD, source="your run", n=2, seeds=[4, 9], data="mine")
    assert written(figure) == "your run: mine, n = 2 seeds (4, 9), profile full, CPU, 1 thread"


def test_where_nothing_is_trained_data_and_remark_are_enough(figure):
    caption(figure, "the first eight", data="CIFAR-10, 50,000 images")
    assert written(figure) == "CIFAR-10, 50,000 images; the first eight"
    assert fields_of(figure)["n"] is None and fields_of(figure)["source"] is None


@pytest.mark.parametrize("seeds, told", [
    ([0], "n = 1 seed (0)"), ([0, 1], "n = 2 seeds (0, 1)"), ([2, 0, 1], "n = 3 seeds (0–2)"),
    ([0, 1, 2, 10], "n = 4 seeds (0–2, 10)"), ([5, 7, 8], "n = 3 seeds (5, 7, 8)"),
    ([301, 302, 303, 305, 306, 308, 309, 310], "n = 8 seeds (301–303, 305, 306, 308–310)")])
def test_seeds_in_a_row_are_told_by_their_ends_wherever_they_stand(figure, seeds, told):
    caption(figure, seeds=seeds)
    assert written(figure) == f"your run: {told}"


def test_stand_in_and_sizes_that_differ_are_told(figure):
    changed = [{**run, "changes": {"train_images": size}} for run, size in zip(RECORD["runs"], (1, 2), strict=False)]
    caption(figure, record={**RECORD, "data": {**RECORD["data"], "real": False}, "runs": changed})
    assert fields_of(figure)["data"] == "stand-in data, not CIFAR"


@pytest.mark.parametrize("name", [path.stem for path in RECORDS.glob("*.json")])
def test_committed_records_are_read_as_the_records_module_reads_them(name, figure):
    record = load_record(name)
    if not record.get("runs") or any("changes" not in run for run in record["runs"]):
        pytest.skip("a record of times, without runs")
    caption(figure, record=record)
    fields = fields_of(figure)
    counts = [len(runs_of(record, changes)) for changes in settings_of(record)]
    assert fields["n"] == (counts[0] if len(set(counts)) == 1 else (min(counts), max(counts)))
    assert fields["device"] == " and ".join(dict.fromkeys(device_of(run, record) for run in record["runs"]))
    assert fields["seeds"] == tuple(sorted({run["seed"] for run in record["runs"]}))
