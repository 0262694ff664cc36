"""Captions from fields: what the numbers of a figure stand on, for its reader and for the manifest alike."""

from __future__ import annotations

import textwrap
from collections import Counter
from dataclasses import asdict, dataclass

from matplotlib.figure import Figure

from helpers.plots.style import as_figure, plain

TITLES = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100"}
REFERENCE, YOURS = "reference run", "your run"
CHARACTERS_PER_INCH = 15


@dataclass(frozen=True)
class Fields:
    """What stands behind a figure; None where the caption does not say."""

    source: str | None = None
    data: str | None = None
    n: int | tuple[int, int] | None = None  # seeds per setting; two numbers where settings have fewer and more
    seeds: tuple[int, ...] | None = None
    profile: str | None = None
    device: str | None = None


def caption(target, remark: str = "", *, record: dict | None = None, runs: list[dict] | None = None,
            beside: dict | None = None, source: str | None = None, data: str | None = None,
            n: int | tuple[int, int] | None = None, seeds=None, profile: str | None = None,
            device: str | None = None) -> None:
    """Write in small type under a figure what its numbers stand on: data, n, seeds, profile, device, and a remark.

    A committed record says all of it; a setting apart is named in the remark::

        caption(ax, "12 epochs; thin: one seed, bold: mean", record=record)
        # reference run: CIFAR-10, 10,000 images, n = 3 seeds (0–2), profile full, CPU, 1 thread; 12 epochs; thin: …

    The reader's own run is told by its fields, and a record that is drawn `beside` it by that record::

        caption(ax, "gray: reference", data=describe(train), seeds=[config.seed], profile=get_profile(),
                device=device_name(), beside=record)
        # your run: CIFAR-10, 45,000 images, n = 1 seed (0), profile quick, CPU, 2 threads; reference run: …; gray: …

    Where nothing is trained, the remark and perhaps the data are enough::

        caption(ax, "densities of Beta(α, α), by formula")
        caption(figure, "the first eight", data=describe(train))

    Parameters
    ----------
    remark : str
        Free text, after the fields; alone it is the whole caption.
    record : dict, optional
        A record, as of `load_record`: every field that is not given comes from it.
    runs : list of dict, optional
        The runs of the record that are drawn, as of `runs_of`; all of them by default.
    beside : dict, optional
        The record of a reference that is drawn beside the reader's run.
    source : str, optional
        "reference run" with a record, "your run" with other fields; for a record of the reader's, say "your run".
    n : int or (least, most), optional
        Seeds per setting; counted from `seeds` or the record by default.
    """
    figure = as_figure(target)
    fields = _fields(record, runs, source=source, data=data, n=n, seeds=seeds, profile=profile, device=device)
    others = _of_record(beside, beside["runs"]) if beside else None
    parts = [_sentence(fields), _sentence(others) if others else "", remark]
    text = "; ".join(part for part in parts if part).replace("CPU, 1 threads", "CPU, 1 thread")  # as older records say
    figure.caption_fields = asdict(fields) | {"beside": asdict(others) if others else None, "caption": text}
    _write(figure, text)


def fields_of(figure: Figure) -> dict:
    """The fields that `caption` kept on a figure, and the ``caption`` itself; all None where it has none."""
    return getattr(figure, "caption_fields", None) or asdict(Fields()) | {"beside": None, "caption": None}


def _write(figure: Figure, text: str) -> None:
    unbroken = text.replace("n = ", "n\u00a0=\u00a0")  # no line break inside
    lines = textwrap.fill(unbroken, int(figure.get_figwidth() * CHARACTERS_PER_INCH))
    figure.supxlabel(plain(lines), fontsize=8, color="0.35")


def _fields(record, runs, **given) -> Fields:
    """The fields that are given, and the others of the record; n is the number of seeds where it is not said."""
    if runs is not None and record is None:
        raise ValueError("runs are given without their record: pass record= too, it says data, profile and device")
    if given["seeds"] is not None:
        given["seeds"] = tuple(int(seed) for seed in given["seeds"])
        given["n"] = len(given["seeds"]) if given["n"] is None else given["n"]
    known = {name: value for name, value in given.items() if value is not None}
    if record is not None:
        found = _of_record(record, record["runs"] if runs is None else runs)
        return Fields(**(asdict(found) | known))
    if known.keys() & {"n", "seeds", "profile", "device"}:
        known.setdefault("source", YOURS)
    return Fields(**known)


def _of_record(record: dict, runs: list[dict]) -> Fields:
    """The fields of these runs of a record."""
    if not runs:
        raise ValueError(f"no runs of {record['experiment']!r} to caption: give at least one")
    return Fields(REFERENCE, _data(record, runs), _seeds_per_setting(runs), tuple(sorted({r["seed"] for r in runs})),
                  record["profile"], _devices(record, runs))


def _data(record: dict, runs: list[dict]) -> str:
    """Name and number of the training images; without the number where runs differ in it."""
    data = record["data"]
    name = TITLES.get(data["name"], data["name"]) if data["real"] else "stand-in data, not CIFAR"
    usual = record["config"].get("train_images") or data["train_images"]
    sizes = {run["changes"].get("train_images", usual) for run in runs}
    return f"{name}, {sizes.pop():,} images" if len(sizes) == 1 else name


def _seeds_per_setting(runs: list[dict]) -> int | tuple[int, int]:
    counts = Counter(_setting(run) for run in runs).values()
    least, most = min(counts), max(counts)
    return least if least == most else (least, most)


def _setting(run: dict) -> str:
    return repr(sorted((name, value) for name, value in run["changes"].items() if name != "seed"))


def _devices(record: dict, runs: list[dict]) -> str:
    """The devices of the runs, each once, in order; of runs that do not say, the record's."""
    names = [(run.get("device") or record["device"]).replace("1 threads", "1 thread") for run in runs]
    return " and ".join(dict.fromkeys(names))


def _sentence(fields: Fields) -> str:
    """The fields in the order in which every caption of the series gives them."""
    profile = f"profile {fields.profile}" if fields.profile else ""
    parts = [fields.data, _count(fields), profile, fields.device]
    said = ", ".join(part for part in parts if part)
    return f"{fields.source}: {said}" if fields.source and said else said or fields.source or ""


def _count(fields: Fields) -> str:
    if fields.n is None:
        return ""
    number = str(fields.n) if isinstance(fields.n, int) else f"{fields.n[0]} to {fields.n[1]}"
    which = f" ({_numbers(fields.seeds)})" if fields.seeds else ""
    return f"n = {number} {'seed' if fields.n == 1 else 'seeds'}{which}"


def _numbers(seeds: tuple[int, ...]) -> str:
    """Seeds in short: three or more in a row by their ends, "0–2, 7", all others each."""
    ordered = sorted(seeds)
    stretches = [[seed] for seed in ordered[:1]]
    for before, seed in zip(ordered, ordered[1:], strict=False):
        if seed == before + 1:
            stretches[-1].append(seed)
        else:
            stretches.append([seed])
    return ", ".join(_ends(stretch) for stretch in stretches)


def _ends(stretch: list[int]) -> str:
    if len(stretch) > 2:
        return f"{stretch[0]}–{stretch[-1]}"
    return ", ".join(map(str, stretch))
