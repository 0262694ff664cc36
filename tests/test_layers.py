"""The shape of the package: imports point downwards, files stay short, nobody imports the leaves."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

HELPERS = Path(__file__).parent.parent / "helpers"
LAYERS = {"__init__": 0, "compat": 0, "env": 0, "download": 0, "distributed": 0, "winograd": 0, "fast": 1, "config": 1,
          "data": 1, "augment": 1, "variants": 1, "models": 1, "presets": 2, "loader": 2, "optim": 2,
          "checkpoints": 2, "runs": 2, "train": 3, "predict": 4, "submission": 5, "experiments": 5,
          "script": 7, "__main__": 7}
LEAVES = ("plots", "checks", "script")
MODULES = sorted(HELPERS.glob("*.py"))
EVERY_FILE = sorted(HELPERS.rglob("*.py"))


def imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.name)
def test_imports_point_downwards(path):
    for name in imported(path):
        parts = name.split(".")
        if parts[0] == "helpers" and len(parts) > 1:
            if path.stem != "__main__":
                assert parts[1] not in LEAVES, f"{path.name} imports a leaf"
            assert LAYERS.get(parts[1], 9) <= LAYERS[path.stem], f"{path.name} imports {name}"


@pytest.mark.parametrize("path", sorted((HELPERS / "plots").glob("*.py")), ids=lambda p: p.name)
def test_plots_never_import_torch(path):
    assert not any(name.split(".")[0] == "torch" for name in imported(path))


@pytest.mark.parametrize("path", EVERY_FILE, ids=lambda p: str(p.relative_to(HELPERS)))
def test_files_and_functions_stay_short(path):
    text = path.read_text()
    assert text.count("\n") <= 250, f"{path.name} has two jobs"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            length = node.end_lineno - node.lineno + 1 - (ast.get_docstring(node) or "").count("\n")
            assert length <= 40, f"{path.name}: {node.name} has {length} lines"


def test_torchvision_imports_in_a_fresh_process():
    code = ("import helpers, torch, torchvision; from torchvision.transforms import v2; "
            "assert v2.RandomHorizontalFlip(1.0)(torch.arange(4.).view(1, 2, 2)).flatten().tolist() == [1, 0, 3, 2]; "
            "torchvision.models.resnet18(); from helpers.compat import mend_torchvision; print(mend_torchvision())")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=HELPERS.parent)
    assert done.returncode == 0, done.stderr
    assert "declared nms" in done.stdout or "operators load" in done.stdout


def test_albumentations_stays_off_the_network():
    code = "import helpers, os; print(os.environ['NO_ALBUMENTATIONS_UPDATE'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=HELPERS.parent)
    assert done.stdout.strip() == "1"
