"""``index.html`` beside exported figures: each with its picture, caption and words, in one file without a network.

``make figures OUT=dir`` writes it to ``dir/index.html``, or without OUT to ``runs/export/index.html``. The
pictures in it are previews, part of the file itself; links lead to the figures in each format, beside it.
"""

from __future__ import annotations

import base64
from html import escape
from itertools import groupby
from pathlib import Path

from helpers.paths import write_text
from helpers.plots.manifest import MANIFEST, PREVIEWS, read_manifest

INDEX = "index.html"
STYLE = """
:root { color-scheme: light dark; --ground: #fff; --ink: #1c1f23; --soft: #54595f; --line: #c9ced4; --link: #0b57a4; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #14171a; --ink: #e8eaed; --soft: #b3b9c0; --line: #454b52; --link: #8fc1ff; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 80rem; padding: 1rem; background: var(--ground); color: var(--ink);
       font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
a { color: var(--link); }
a:focus-visible, summary:focus-visible { outline: 3px solid var(--link); outline-offset: 3px; }
.skip { position: absolute; left: -99rem; }
.skip:focus { position: static; }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1rem; list-style: none; padding: 0; }
nav a, .files a { display: inline-block; padding: .4rem 0; }
.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 24rem), 1fr)); gap: 2rem 1.5rem; }
figure { margin: 0; border-top: 1px solid var(--line); padding-top: .5rem; }
figure img { display: block; width: 100%; height: auto; background: #fff; }
figcaption { color: var(--soft); }
h3 { margin: .25rem 0 .5rem; font-size: 1rem; }
p { margin: .4rem 0; }
.files { display: flex; flex-wrap: wrap; gap: 0 1rem; list-style: none; padding: 0; margin: .25rem 0; }
"""


def write_contact_sheet(folder: Path) -> Path:
    """Write ``index.html`` from a folder's manifest; returns its path."""
    figures = read_manifest(folder)
    chapters = [(name, list(part)) for name, part in groupby(figures, key=lambda each: each["notebook"] or "figures")]
    sections = "\n".join(_section(name, part, folder) for name, part in chapters)
    links = "\n".join(f'<li><a href="#{escape(name)}">{escape(_title(name))}</a></li>' for name, _ in chapters)
    path = folder / INDEX
    write_text(path, _page(len(figures), links, sections))
    return path


def _page(count: int, links: str, sections: str) -> str:
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Figures of the series</title>
<link rel="icon" href="data:,">
<style>{STYLE}</style>
</head>
<body>
<a class="skip" href="#figures">Skip to the figures</a>
<header>
<h1>Figures of the series</h1>
<p>{count} figures. What they stand on is also in <a href="{MANIFEST}">{MANIFEST}</a>, for programs.</p>
</header>
<nav aria-label="Notebooks">
<ul>
{links}
</ul>
</nav>
<main id="figures">
{sections}
</main>
</body>
</html>
"""


def _title(notebook: str) -> str:
    """A name as words: 05_one_cycle_training is 05 one cycle training."""
    return notebook.replace("_", " ")


def _section(notebook: str, figures: list[dict], folder: Path) -> str:
    parts = "\n".join(_figure(each, folder) for each in figures)
    return (f'<section aria-labelledby="{escape(notebook)}">\n<h2 id="{escape(notebook)}">{escape(_title(notebook))}'
            f'</h2>\n<div class="figures">\n{parts}\n</div>\n</section>')


def _figure(entry: dict, folder: Path) -> str:
    """One figure: its name, its picture that leads to the first format, caption, words and links."""
    first = next(iter(entry["files"].values()))["file"]
    alt, name = escape(entry["alt"]), escape(entry["name"])
    caption = f"<p>{escape(entry['caption'])}</p>" if entry["caption"] else ""
    return (f'<figure>\n<h3 id="{name}">{escape(_title(entry["name"]))}</h3>\n'
            f'<a href="{escape(first)}"><img loading="lazy" src="{_embedded(entry["name"], folder)}" alt="{alt}"></a>\n'
            f"<figcaption>\n{caption}\n<details><summary>In words</summary><p>{alt}</p></details>\n"
            f'{_crowded(entry)}{_links(entry)}\n</figcaption>\n</figure>')


def _embedded(name: str, folder: Path) -> str:
    picture = (folder / PREVIEWS / f"{name}.png").read_bytes()
    return "data:image/png;base64," + base64.b64encode(picture).decode("ascii")


def _crowded(entry: dict) -> str:
    return f"<p>Crowded: {escape('; '.join(entry['crowded']))}.</p>\n" if entry["crowded"] else ""


def _links(entry: dict) -> str:
    """A link per format, whose text alone says where it leads."""
    name = escape(entry["name"])
    links = "".join(f'<li><a href="{escape(file["file"])}" aria-label="{name} as {ending.upper()}, '
                    f'{_size(file["bytes"])}">{ending.upper()}, {_size(file["bytes"])}</a></li>'
                    for ending, file in entry["files"].items())
    return f'<ul class="files">{links}</ul>'


def _size(count: int) -> str:
    return f"{max(1, round(count / 1000)):,} kB"
