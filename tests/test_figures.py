"""Figures by one command: every format with the same bytes, a manifest, a contact sheet, and errors that help."""

import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import execute
import export
import matplotlib
import nbformat
import pytest

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
from PIL import Image  # noqa: E402

from helpers.experiments.records import load_record, load_reference_logits  # noqa: E402
from helpers.plots.captions import caption  # noqa: E402
from helpers.plots.contact_sheet import write_contact_sheet  # noqa: E402
from helpers.plots.curves import plot_lines  # noqa: E402
from helpers.plots.export import save_figure  # noqa: E402
from helpers.plots.style import use_style  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
VARIABLES = ("CIFAR_PROFILE", "CIFAR_FIGURES", "CIFAR_FIGURE_FORMATS", "CIFAR_THEME", "CIFAR_DPI", "CIFAR_NOTEBOOK")


@pytest.fixture(autouse=True)
def clean(monkeypatch):
    for name in VARIABLES:
        monkeypatch.setenv(name, "")  # and so put back what a test sets by hand
    use_style()
    yield
    plt.close("all")


def draw(name="a", alt='Line <a> rises & "b" falls', folder=None):
    ax = plot_lines({"a": ([1, 2], [3, 4]), "b": ([1, 2], [4, 3])}, xlabel="step", ylabel="loss", title="Crossing")
    caption(ax, "bold: mean", data="CIFAR-10, 500 images", seeds=[0, 1], profile="quick", device="CPU")
    return save_figure(ax, name, alt=alt, folder=folder)


# --- files ------------------------------------------------------------------------------------------------------

SCRIPT = """
import sys
from helpers.plots import caption, plot_lines, save_figure, use_style
use_style()
ax = plot_lines({"a": ([1, 2], [3, 4]), "b": ([1, 2], [4, 3])}, xlabel="step", ylabel="loss", title="Crossing")
caption(ax, "bold: mean")
save_figure(ax, "a", alt="lines")
"""


@pytest.mark.parametrize("theme", ["slide", pytest.param("print", marks=pytest.mark.slow),
                                   pytest.param("dark", marks=pytest.mark.slow)])
def test_two_runs_give_the_same_bytes_in_every_format(theme, tmp_path):
    for number in "12":
        subprocess.run([sys.executable, "-c", SCRIPT], check=True, cwd=ROOT, env={
            **os.environ, "MPLBACKEND": "agg", "PYTHONHASHSEED": number, "CIFAR_FIGURES": str(tmp_path / number),
            "CIFAR_FIGURE_FORMATS": "png,svg,pdf", "CIFAR_THEME": theme})
    files = sorted(path.relative_to(tmp_path / "1") for path in (tmp_path / "1").rglob("*") if path.is_file())
    assert [str(file) for file in files] == ["a.pdf", "a.png", "a.svg", "a.txt", "manifest.json", "previews/a.png"]
    for file in files:
        assert (tmp_path / "1" / file).read_bytes() == (tmp_path / "2" / file).read_bytes(), file


def test_words_stay_words_and_files_say_what_they_show(tmp_path, monkeypatch):
    monkeypatch.setenv("CIFAR_FIGURE_FORMATS", " PNG, svg,pdf,png")
    draw(folder=tmp_path)
    svg, pdf = (tmp_path / "a.svg").read_text(), (tmp_path / "a.pdf").read_bytes()
    written = re.findall(r"<text[^>]*>([^<]+)</text>", svg)
    assert {"Crossing", "step", "loss", "a", "b"} <= set(written)
    assert "Line &lt;a> rises &amp;" in svg or "Line &lt;a&gt; rises &amp;" in svg
    assert b"/FontFile2" in pdf and b"/Type3" not in pdf and b"CreationDate" not in pdf


def test_dots_per_inch_are_those_that_are_asked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("CIFAR_DPI", "300")
    assert Image.open(draw(folder=tmp_path)).size == (1920, 1080)  # 6.4 × 3.6 inches
    monkeypatch.setenv("CIFAR_DPI", "")
    assert Image.open(draw(folder=tmp_path)).size == (704, 396)  # the house style's 110
    monkeypatch.setenv("CIFAR_THEME", "slide")
    assert Image.open(draw(folder=tmp_path)).size == (1920, 1080)


@pytest.mark.parametrize("variable, value, message", [
    ("CIFAR_FIGURE_FORMATS", "png,gif", "unknown format 'gif': choose from png, svg, pdf"),
    ("CIFAR_FIGURE_FORMATS", ",", "choose from png, svg, pdf"),
    ("CIFAR_THEME", "neon", "unknown theme 'neon': choose from print, slide, dark"),
    ("CIFAR_DPI", "fine", "dpi 'fine': expected a whole number from 50 to 1200"),
    ("CIFAR_DPI", "20", "from 50 to 1200")])
def test_what_is_unknown_is_named_with_the_known(variable, value, message, tmp_path, monkeypatch):
    monkeypatch.setenv(variable, value)
    with pytest.raises(ValueError, match=message):
        draw(folder=tmp_path)
    assert not list(tmp_path.iterdir())


# --- manifest and contact sheet ---------------------------------------------------------------------------------

def manifest(folder):
    return json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["figures"]


def test_the_manifest_says_what_each_figure_is(tmp_path, monkeypatch):
    draw("before", folder=tmp_path)
    assert not (tmp_path / "manifest.json").exists(), "only the command that exports asks for it"
    monkeypatch.setenv("CIFAR_FIGURE_FORMATS", "png,pdf")
    monkeypatch.setenv("CIFAR_NOTEBOOK", "05_topic")
    draw("05_b", folder=tmp_path)
    ax = plot_lines({"a": ([1], [2])}, xlabel="x", ylabel="y")
    caption(ax, "n = 9 seeds, as older captions say it")
    monkeypatch.setenv("CIFAR_NOTEBOOK", "03_topic")
    save_figure(ax, "03_a", alt="a point", folder=tmp_path)
    old, new = manifest(tmp_path)
    assert new == {
        "name": "05_b", "notebook": "05_topic", "cell": None, "alt": 'Line <a> rises & "b" falls',
        "source": "your run", "data": "CIFAR-10, 500 images", "n": 2, "seeds": [0, 1], "profile": "quick",
        "device": "CPU", "beside": None, "theme": "print", "crowded": [],
        "caption": "your run: CIFAR-10, 500 images, n = 2 seeds (0, 1), profile quick, CPU; bold: mean",
        "files": {kind: {"file": f"05_b.{kind}", "bytes": (tmp_path / f"05_b.{kind}").stat().st_size}
                  for kind in ("png", "pdf")}}
    assert old["name"] == "03_a" and old["n"] is old["seeds"] is old["device"] is None
    assert old["caption"] == "n = 9 seeds, as older captions say it"


def test_a_figure_that_is_saved_again_is_listed_once_and_one_that_is_gone_no_more(tmp_path, monkeypatch):
    monkeypatch.setenv("CIFAR_FIGURE_FORMATS", "png")
    for name, alt in (("a", "old"), ("b", "other"), ("a", "new")):
        draw(name, alt, tmp_path)
    assert [(each["name"], each["alt"]) for each in manifest(tmp_path)] == [("a", "new"), ("b", "other")]
    (tmp_path / "b.png").unlink()
    draw("c", "last", tmp_path)
    assert [each["name"] for each in manifest(tmp_path)] == ["a", "c"]


class Page(HTMLParser):
    """Tags with their attributes, in order, and the text of the page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text, self.open = [], [], []
        self.feed(text)
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    def all(self, *names):
        return [attributes for tag, attributes in self.tags if tag in names]


def test_the_contact_sheet_shows_every_figure_to_everyone(tmp_path, monkeypatch):
    monkeypatch.setenv("CIFAR_FIGURE_FORMATS", "svg,png,pdf")
    for notebook, name in (("01_first", "01_a"), ("01_first", "01_b"), ("02_second", "02_a")):
        monkeypatch.setenv("CIFAR_NOTEBOOK", notebook)
        draw(name, folder=tmp_path)
    path = write_contact_sheet(tmp_path)
    text = path.read_text(encoding="utf-8")
    page = Page(text)
    assert path.name == "index.html" and text.startswith("<!DOCTYPE html>")
    assert page.all("html") == [{"lang": "en"}] and "width=device-width" in text
    assert {"header", "nav", "main", "h1"} <= {tag for tag, _ in page.tags} and len(page.all("h1", "main")) == 2
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h\d", tag)]
    assert levels == [1, 2, 3, 3, 2, 3]
    pictures = page.all("img")
    assert [each["alt"] for each in pictures] == ['Line <a> rises & "b" falls'] * 3
    assert all(each["src"].startswith("data:image/png;base64,") for each in pictures)
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for link in (attributes["href"] for attributes in page.all("a")):
        assert link[1:] in ids if link.startswith("#") else (tmp_path / link).is_file(), link
    assert {link["href"] for link in page.all("a")} >= {f"02_a.{kind}" for kind in ("svg", "png", "pdf")}
    assert "".join(page.text).count("your run: CIFAR-10, 500 images, n = 2 seeds (0, 1)") == 3
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//|@import|url\(", text), "it needs a network"
    assert "prefers-color-scheme: dark" in text and ":focus-visible" in text


def test_the_text_of_the_contact_sheet_stands_out_in_both_modes(tmp_path, monkeypatch):
    monkeypatch.setenv("CIFAR_FIGURE_FORMATS", "png")
    draw(folder=tmp_path)
    text = write_contact_sheet(tmp_path).read_text(encoding="utf-8")
    modes = re.findall(r"--ground: (#\w+); --ink: (#\w+); --soft: (#\w+); --line: #\w+; --link: (#\w+)", text)
    assert len(modes) == 2
    for ground, *inks in modes:
        assert all(wcag_contrast(ink, ground) >= 4.5 for ink in inks)


def wcag_contrast(one, other):
    return (max(map(luminance, (one, other))) + 0.05) / (min(map(luminance, (one, other))) + 0.05)


def luminance(color):
    parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in matplotlib.colors.to_rgb(color)]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


# --- the command ------------------------------------------------------------------------------------------------

GOOD = """import sys
sys.path.insert(0, {root!r})
from helpers.plots import caption, plot_lines, save_figure, use_style
use_style()
ax = plot_lines({{"a": ([1, 2], [3, 4])}}, xlabel="step", ylabel="loss")
caption(ax, "by hand")
save_figure(ax, "98_a", alt="a line");"""


@pytest.fixture
def notebooks(tmp_path, monkeypatch):
    """Two notebooks: the first lacks a record, the second draws a figure in its second code cell."""
    sources = {"97_bad": ["raise ValueError(\"unknown record 'fast': choose from ['jordan']\")"],
               "98_good": ["x = 1", GOOD.format(root=str(ROOT))]}
    paths = []
    for name, cells in sources.items():
        paths.append(tmp_path / "notebooks" / f"{name}.ipynb")
        paths[-1].parent.mkdir(exist_ok=True)
        cells = [nbformat.v4.new_code_cell(cell) for cell in cells]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), paths[-1])
    monkeypatch.setattr(execute, "numbered_notebooks", lambda: paths)
    return paths


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["execute.py", *map(str, arguments)])
    return execute.main()


def test_a_missing_record_is_named_and_the_others_are_drawn(notebooks, tmp_path, monkeypatch, capsys):
    out = tmp_path / "new" / "folder"
    assert run(monkeypatch, "--figures", out, "--formats", "png,svg", "--profile", "quick") == 1
    said = capsys.readouterr().out
    assert "git checkout -- figures/records/fast.json" in said
    assert "python -m helpers reference --preset fast --seeds 0 1 2" in said
    assert {path.name for path in out.iterdir()} == {"98_a.png", "98_a.svg", "98_a.txt", "manifest.json", "previews",
                                                    "index.html"}
    (entry,) = manifest(out)
    assert (entry["notebook"], entry["cell"]) == ("98_good", 2)
    assert f"1 figures, manifest.json and index.html in {out}" in said
    assert not [cell for cell in nbformat.read(notebooks[1], 4).cells if cell.outputs], "the notebooks stay as they are"


@pytest.mark.parametrize("load", [lambda: load_record("cifar12"), lambda: load_reference_logits("cifar12")])
def test_advice_fits_the_errors_of_the_records(load):
    with pytest.raises((ValueError, OSError)) as error:
        load()
    advice = export.advice(f"code cell 3: {type(error.value).__name__}: {error.value}")
    assert re.match(r"record cifar12 is missing: `git checkout -- figures/records/cifar12\S*`", advice)
    assert advice.endswith("figures/records/README.md says how it was made")


@pytest.mark.parametrize("name, command", [
    ("jordan", "measure it by `python -m helpers reference --preset jordan --seeds 0 1 2 3 4 5 6 7 8` and copy it"),
    ("fast_label_smoothing_0", "`python -m helpers reference --preset fast --label-smoothing 0` and copy it"),
    ("se_resnet", "README.md says how it was made, by `python -m helpers train --preset se-resnet --epochs 18"),
])
def test_advice_has_the_command_of_the_records_page(name, command):
    assert command in export.advice(f"code cell 3: ValueError: unknown record '{name}'")


def test_advice_is_for_missing_records_alone():
    assert export.advice("code cell 3: ValueError: unknown model 'x'") == ""


@pytest.mark.parametrize("arguments, message", [
    (["--theme", "neon"], "unknown theme 'neon': choose from print, slide, dark"),
    (["--formats", "gif"], "unknown format 'gif': choose from png, svg, pdf"),
    (["--dpi", "x"], "dpi 'x'"),
    (["--write"], "--write is for the committed notebooks")])
def test_what_is_wrong_is_told_before_a_notebook_is_run(arguments, message, notebooks, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(execute, "execute", lambda *_, **__: pytest.fail("too late"))
    with pytest.raises(SystemExit) as exit:
        run(monkeypatch, "--figures", tmp_path / "out", *arguments)
    assert exit.value.code == 2 and message in capsys.readouterr().err


def test_an_unknown_notebook_is_named_with_the_known(notebooks, tmp_path, monkeypatch):
    with pytest.raises(SystemExit, match="no notebook matches '12': there are 97_bad, 98_good"):
        run(monkeypatch, "--figures", tmp_path, "--only", "98,12")


@pytest.mark.parametrize("chosen", ["", "elsewhere"])
def test_the_last_line_says_where_the_figures_went(notebooks, tmp_path, monkeypatch, capsys, chosen):
    folder = tmp_path / chosen if chosen else ROOT / "runs" / "figures"
    monkeypatch.setenv("CIFAR_FIGURES", str(folder) if chosen else "")
    went = []

    def look(path, place, *, solutions):
        went.append(os.environ["CIFAR_FIGURES"])
        return path.stem, 0.0, ""

    monkeypatch.setattr(execute, "run_one", look)
    assert run(monkeypatch, "--only", "98", "--profile", "quick") == 0
    assert capsys.readouterr().out.rstrip().endswith(f"figures: {os.path.relpath(folder, ROOT)}")
    assert went == [str(folder)]


def test_a_folder_that_cannot_be_written_to_is_named(notebooks, tmp_path, monkeypatch, capsys):
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit):
        run(monkeypatch, "--figures", tmp_path / "file" / "out")
    assert f"cannot write figures to {tmp_path / 'file' / 'out'}: Not a directory" in capsys.readouterr().err

    def refuse(**_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(export.tempfile, "TemporaryFile", refuse)
    with pytest.raises(ValueError, match=f"{tmp_path}: Permission denied; name another folder"):
        export.require_writable(tmp_path)


def test_settings_of_figures_need_a_folder(monkeypatch, capsys):
    with pytest.raises(SystemExit):
        run(monkeypatch, "--theme", "dark")
    assert "are for --figures DIR" in capsys.readouterr().err


def test_make_hands_its_settings_on():
    settings = ["ONLY=05,13", "FORMATS=png,svg", "THEME=slide", "DPI=300", "OUT=my dir", "PROFILE=smoke"]
    done = subprocess.run(["make", "-n", "figures", *settings], capture_output=True, text=True, cwd=ROOT)
    said = " ".join(done.stdout.replace("\\\n", " ").split())
    assert ('notebooks/execute.py --only "05,13" --profile "smoke" --figures "my dir" --formats "png,svg" '
            '--theme "slide" --dpi "300"') in said
