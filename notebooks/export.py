"""Export of figures: its settings, where they go, and what to do about a record that is missing."""

from __future__ import annotations

import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MISSING = re.compile(r"unknown record '(?P<name>[^']+)'|records[/\\]+(?P<file>\w+\.(?:json|npz))")


@dataclass(frozen=True)
class Export:
    """What `make figures` asks for; "" stands for the default, as make passes what is not given."""

    folder: Path
    formats: str = ""
    theme: str = ""
    dpi: str = ""

    def prepare(self) -> None:
        """Hand the settings to `save_figure`, and refuse what it would refuse, before a notebook is run.

        Raises
        ------
        ValueError
            For an unknown format, theme or dpi, naming the known, and for a folder that cannot be written to.
        """
        from helpers.plots.export import chosen_dpi, chosen_formats
        from helpers.plots.themes import chosen_theme

        os.environ.update({"CIFAR_FIGURE_FORMATS": self.formats or "png", "CIFAR_THEME": self.theme,
                           "CIFAR_DPI": self.dpi, "CIFAR_FIGURES": str(self.folder)})
        for check in (chosen_formats, chosen_theme, chosen_dpi):
            check()
        require_writable(self.folder)

    def finish(self) -> str:
        """Write the contact sheet; returns what was made, in words."""
        from helpers.plots.contact_sheet import write_contact_sheet
        from helpers.plots.manifest import read_manifest

        path = write_contact_sheet(self.folder)
        figures = read_manifest(self.folder)
        lines = [f"{len(figures)} figures, manifest.json and {path.name} in {self.folder}"]
        for each in figures:
            if each["crowded"]:
                lines.append(f"crowded: {each['name']}: {'; '.join(each['crowded'])}")
        return "\n".join(lines)


def require_writable(folder: Path) -> None:
    """Make the folder and write to it once; what stands in the way becomes a `ValueError` that names it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise ValueError(f"cannot write figures to {folder}: {error.strerror}; name another folder, "
                         "for example OUT=/tmp/figures") from error


def advice(failure: str) -> str:
    """What brings a record back that a notebook did not find; "" for other failures."""
    match = MISSING.search(failure)
    if not match:
        return ""
    file = match["file"] or f"{match['name']}.json"
    name = file.partition(".")[0].removesuffix("_test_logits")
    return (f"record {name} is missing: `git checkout -- figures/records/{file}` brings it back; "
            f"or {_way_to_measure(name)}")


def _way_to_measure(name: str) -> str:
    """How this record is measured again, with the command where there is one."""
    from helpers.cli.results import COMMANDS

    told = "figures/records/README.md says how it was made"
    command = COMMANDS.get(name)
    if command is None:
        return told
    if command.startswith("python -m helpers reference"):  # the others train or measure, and write no record to copy
        return f"measure it by `{command}` and copy it to figures/records/"
    return f"{told}, by `{command}`"
