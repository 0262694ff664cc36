"""The shape of the package: imports point one way, files stay short, folders hand out their public names."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

HELPERS = Path(__file__).parent.parent / "helpers"
EVERY_FILE = sorted(HELPERS.rglob("*.py"))
FOLDERS = sorted(path.parent for path in HELPERS.glob("*/__init__.py"))
BESIDE = {"paths", "env", "compat", "distributed"}  # files beside the folders
BELOW = {  # folder → what its files may import besides their own folder
    "data": BESIDE,
    "models": BESIDE,
    "training": BESIDE | {"data", "models"},
    "experiments": BESIDE | {"data", "models", "training"},
    "analysis": BESIDE | {"data", "models", "training", "experiments"},
    "plots": {"paths"},
    "exercises": BESIDE | {"data", "models", "training", "experiments", "analysis", "plots"},
    "cli": BESIDE | {"data", "models", "training", "experiments", "analysis", "plots", "exercises"},
    "__main__": {"cli"},
    "__init__": {"compat"},
    "paths": set(),
    "compat": set(),
    "distributed": set(),
    "env": {"compat"},
}


def imported(path):
    """Names of the modules that a file imports, at its top or inside a function."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                inside = HELPERS.parent / node.module.replace(".", "/") / alias.name
                yield f"{node.module}.{alias.name}" if is_ours(inside) else node.module


def is_ours(path):
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def part_of(name):
    """``helpers.data.loader`` → ``data``; ``helpers.env`` → ``env``; ``helpers`` → ``__init__``."""
    return (name.split(".") + ["__init__"])[1]


def module_name(path):
    return ".".join(path.relative_to(HELPERS.parent).with_suffix("").parts).removesuffix(".__init__")


@pytest.mark.parametrize("path", EVERY_FILE, ids=lambda p: str(p.relative_to(HELPERS)))
def test_imports_point_one_way(path):
    own = part_of(module_name(path))
    for name in imported(path):
        if name.split(".")[0] == "helpers":
            assert part_of(name) in BELOW[own] | {own}, f"{path.relative_to(HELPERS)} imports {name}"


def test_no_files_import_each_other_in_a_circle():
    graph = {module_name(path): {name for name in imported(path) if name.split(".")[0] == "helpers"}
             for path in EVERY_FILE}
    assert len(graph["helpers.training.fit"]) > 4
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda p: p.name)
def test_a_folder_lists_what_it_hands_out(folder):
    tree = ast.parse((folder / "__init__.py").read_text())
    ours = [node for node in tree.body
            if isinstance(node, ast.ImportFrom) and node.module.startswith(f"helpers.{folder.name}.")]
    handed_out = [alias.name for node in ours for alias in node.names]
    handed_out += [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    listed = next(ast.literal_eval(node.value) for node in tree.body if isinstance(node, ast.Assign))
    assert listed == sorted(handed_out)
    assert not [name for name in listed if name.startswith("_")]


def test_figures_can_be_drawn_without_torch():
    code = "import sys; sys.modules |= {'torch': None, 'torchvision': None}; import helpers.plots"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=HELPERS.parent)
    assert done.returncode == 0, done.stderr


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
