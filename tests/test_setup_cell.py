"""The set-up cell in a real kernel: every way to find the repository, and what it says when there is none."""

import ast
import json
import os
import shutil
import socket
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import quote

import nbformat
import pytest
from address import set_up_cell
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

ROOT = Path(__file__).parent.parent
REPORT = "import sys\nprint('ROOT', root)\nprint('COUNT', sys.path.count(str(root)))\nprint('FROM', whence())"


def git(folder, *arguments):
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True)


def write_stand_in_package(folder, whence):
    """A `helpers` package that has just what the set-up cell imports, and can say where it came from."""
    for node in ast.parse(set_up_cell()).body:
        if isinstance(node, ast.ImportFrom) and node.module.startswith("helpers"):
            path = folder.joinpath(*node.module.split(".")) / "__init__.py"
            if node.module == "helpers.env":
                path = folder / "helpers" / "env.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            names = "\n".join(f"def {alias.name}(*a, **k): pass" for alias in node.names)
            path.write_text(f"{names}\nimport builtins\nbuiltins.whence = lambda: {whence!r}\n")


@pytest.fixture(scope="session")
def remotes(tmp_path_factory):
    """Repositories that stand for those on GitHub: ann/series, its fork by bob, and one without the package."""
    folder = tmp_path_factory.mktemp("remotes with spaces")
    for owner, name in (("ann", "series"), ("bob", "fork"), ("eve", "other")):
        repository = folder / owner / name
        repository.mkdir(parents=True)
        git(repository, "init")
        (repository / "README.md").write_text("a repository")
        if owner != "eve":
            write_stand_in_package(repository, f"{owner}/{name} main")
        git(repository, "add", ".")
        git(repository, "commit", "-m", "first")
    git(folder / "ann" / "series", "checkout", "-b", "fix/mps")
    write_stand_in_package(folder / "ann" / "series", "ann/series fix/mps")
    git(folder / "ann" / "series", "commit", "-am", "branch")
    git(folder / "ann" / "series", "checkout", "main")
    return folder


@pytest.fixture
def alone(tmp_path, monkeypatch, remotes):
    """An empty folder whose kernels see `remotes` in place of GitHub, and neither Colab nor our own checkout."""
    for name in ("COLAB_JUPYTER_IP", "PYTHONPATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", f"url.file://{remotes}/.insteadOf")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "https://github.com/")
    folder = tmp_path / "a folder"
    folder.mkdir()
    return folder


@pytest.fixture
def session_service(monkeypatch):
    """Start Colab's session service with the ``path`` of one session; it listens where Colab's would."""
    servers = []

    def start(path):
        class Service(BaseHTTPRequestHandler):
            def do_GET(self):
                answer = json.dumps([{"id": "1", "path": path, "type": "notebook", "kernel": {"name": "python3"}}])
                self.send_response(200 if self.path == "/api/sessions" else 404)
                self.end_headers()
                self.wfile.write(answer.encode())

            def log_message(self, *arguments):
                pass

        servers.append(HTTPServer(("127.0.0.71", 9000), Service))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        monkeypatch.setenv("COLAB_JUPYTER_IP", "127.0.0.71")

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def finding(address):
    """The part of the cell that finds the repository, and one import from it: spares the kernel torch."""
    return set_up_cell(address).split("import matplotlib")[0] + "import helpers.env"


def run(folder, *cells):
    """Run these cells in one fresh kernel in `folder`; returns what they printed."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(folder)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.outputs]
    return "".join(output.get("text", "") for output in outputs)


def refusal(folder, *cells):
    with pytest.raises(CellExecutionError) as caught:
        run(folder, *cells)
    assert caught.value.ename == "SystemExit"
    return caught.value.evalue


URL = "https://github.com/{}/notebooks/05_one_cycle_training.ipynb"


@pytest.mark.parametrize("path, expected", [
    ("fileId=" + URL.format("ann/series/blob/main"), "ann/series main"),
    ("fileId=" + quote(URL.format("ann/series/blob/main"), safe=""), "ann/series main"),
    ("fileId=" + URL.format("bob/fork/blob/main"), "bob/fork main"),
    ("fileId=" + URL.format("ann/series/blob/fix/mps"), "ann/series fix/mps"),
    ("fileId=" + quote(URL.format("ann/series/blob/fix/mps"), safe=""), "ann/series fix/mps"),
    ("fileId=1AbCdEfGh", "bob/fork main"),
], ids=["plain", "encoded", "fork", "slashed branch", "slashed and encoded", "copy in Drive takes the written address"])
def test_the_address_that_colab_knows(alone, session_service, path, expected):
    session_service(path)
    printed = run(alone, finding("bob/fork"), REPORT)
    assert f"FROM {expected}" in printed
    assert f"ROOT {alone / 'cifar-resnet-notebooks'}" in printed


@pytest.mark.skipif(os.name == "nt", reason="binds another address of the loopback network")
def test_a_session_service_that_never_answers_costs_a_second(alone, monkeypatch):
    with socket.create_server(("127.0.0.72", 9000)):
        monkeypatch.setenv("COLAB_JUPYTER_IP", "127.0.0.72")
        definitions = set_up_cell("").split("root = find_root()")[0]
        ask = "import time; start = time.time(); print([ask_colab()]); print('SECONDS', time.time() - start)"
        printed = run(alone, definitions, ask)
    assert "['']" in printed
    assert float(printed.split("SECONDS")[1]) < 3


def test_works_twice_after_a_change_of_folder_and_after_a_restart(alone, remotes):
    cell = set_up_cell(f"file://{remotes}/ann/series@fix/mps")
    printed = run(alone, cell, cell, "import os; os.makedirs('deep/er'); os.chdir('deep/er')", cell, REPORT)
    assert f"ROOT {alone / 'cifar-resnet-notebooks'}" in printed and "COUNT 1" in printed
    assert "FROM ann/series fix/mps" in printed
    assert "COUNT 1" in run(alone, finding("ann/gone"), REPORT)  # a restart: a kernel that knows nothing
    assert len(list(alone.rglob("env.py"))) == 1


def test_a_half_clone_is_replaced(alone):
    (alone / "cifar-resnet-notebooks" / ".git").mkdir(parents=True)
    (alone / ".clone-in-progress" / "helpers").mkdir(parents=True)
    assert "FROM ann/series main" in run(alone, finding("ann/series"), REPORT)
    assert not (alone / ".clone-in-progress").exists()


def test_without_any_address_three_lines_say_what_to_do(alone):
    said = refusal(alone, set_up_cell(""))
    assert len(said.splitlines()) == 3
    assert "Upload that folder" in said and "git clone" in said
    assert not list(alone.iterdir())


@pytest.mark.parametrize("address, reason", [("ann/gone", "ann/gone"), ("eve/other", "no helpers/env.py"),
                                             ("https://localhost:1/x/y", "localhost")])
def test_what_cannot_be_cloned_is_named_with_its_reason(alone, address, reason):
    said = refusal(alone, set_up_cell(address))
    assert reason in said and "Upload that folder" in said


def test_its_advice_works(alone, remotes):
    """What the three lines say, followed to the letter: clone by hand into the notebook's folder, run again."""
    git(alone, "clone", "--depth=1", "https://github.com/ann/series")
    assert f"ROOT {alone / 'series'}" in run(alone, finding(""), REPORT)


def test_a_notebook_alone_in_an_empty_folder(alone, remotes, monkeypatch):
    """A real notebook with the real package, as somebody meets it who downloads a single file."""
    repository = remotes / "real" / "series"
    for name in ("helpers", "figures", "notebooks"):
        shutil.copytree(ROOT / name, repository / name, ignore=shutil.ignore_patterns("__pycache__", "*.png"))
    git(repository, "init")
    git(repository, "add", ".")
    git(repository, "commit", "-m", "all")
    monkeypatch.setenv("CIFAR_PROFILE", "smoke")
    notebook = nbformat.read(ROOT / "notebooks" / "03_custom_resnet.ipynb", as_version=4)
    next(cell for cell in notebook.cells if cell.cell_type == "code").source = set_up_cell("real/series")
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(alone)}}).execute()
    assert list((alone / "cifar-resnet-notebooks" / "runs" / "figures").glob("03_*.png"))


def test_nothing_is_asked_of_colab_elsewhere(alone, monkeypatch):
    """In a checkout the cell takes the repository around it, in no time and without a word to the network."""
    write_stand_in_package(alone, "around")
    (alone / "notebooks").mkdir()
    monkeypatch.setenv("COLAB_JUPYTER_IP", "127.0.0.73")
    assert "FROM around" in run(alone / "notebooks", finding("ann/gone"), REPORT)
