"""A JupyterLab on this machine, and a notebook that is open in it: what the tests press, type and read."""

import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import nbformat
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

ROOT = Path(__file__).parent.parent.parent
SETTINGS = {
    "notebook-extension/tracker": {"windowingMode": "none"},  # all cells are in the page, not only those in view
    "docmanager-extension/plugin": {"autosave": False},
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},  # asks nobody
}
STDERR = "application/vnd.jupyter.stderr"  # JupyterLab shows an error as such text, too
# What a reader sees of each code cell, read at one moment.
READ_CELLS = """
return [...document.querySelectorAll('.jp-Notebook .jp-CodeCell')].map(cell => ({
  prompt: cell.querySelector('.jp-InputPrompt').textContent.trim(),
  source: cell.querySelector('.cm-content').innerText,
  outputs: [...cell.querySelectorAll('.jp-OutputArea-output')].map(output => ({
    kind: output.dataset.mimeType || '',
    text: output.innerText,
    pictures: [...output.querySelectorAll('img')].map(picture => picture.naturalWidth),
  })),
}));
"""


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def write_settings(folder: Path) -> None:
    """Write `SETTINGS` where JupyterLab reads a user's."""
    for name, values in SETTINGS.items():
        path = folder / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))


class JupyterLab:
    """A server for the notebooks of one folder; its kernels find the repository, and write into that folder."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.notebooks = folder / "notebooks"
        self.figures = folder / "figures"
        self.notebooks.mkdir()
        self.port = free_port()
        self.token = secrets.token_hex(16)
        write_settings(folder / "settings")
        self.log = folder / "server.log"
        self.process = self._start()

    def _start(self) -> subprocess.Popen:
        command = [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--ip=127.0.0.1",
                   f"--port={self.port}", "--ServerApp.port_retries=0",
                   f"--IdentityProvider.token={self.token}", f"--ServerApp.root_dir={self.notebooks}"]
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            command.append("--allow-root")
        with self.log.open("w") as log:
            return subprocess.Popen(command, env=self._environment(), stdout=log, stderr=log)

    def _environment(self) -> dict:
        own = {
            "PYTHONPATH": str(ROOT),
            "CIFAR_PROFILE": "smoke",
            "CIFAR_RUNS": str(self.folder / "runs"),
            "CIFAR_FIGURES": str(self.figures),
            "JUPYTERLAB_SETTINGS_DIR": str(self.folder / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(self.folder / "workspaces"),
            "JUPYTER_CONFIG_DIR": str(self.folder / "config"),
            "JUPYTER_DATA_DIR": str(self.folder / "data"),
            "JUPYTER_RUNTIME_DIR": str(self.folder / "runtime"),
            "IPYTHONDIR": str(self.folder / "ipython"),
        }
        return {**os.environ, **own}

    def wait(self, seconds: float = 300) -> None:
        """Return when the server answers; a server that ended or does not come shows its log."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.process.poll() is None:
            try:
                urlopen(f"http://127.0.0.1:{self.port}/api?token={self.token}", timeout=5).close()
                return
            except OSError:
                time.sleep(0.5)
        raise RuntimeError(f"JupyterLab did not answer within {seconds} s:\n{self.log.read_text()[-2000:]}")

    def address(self, name: str) -> str:
        """Where the page of this notebook is; a workspace of its own, so that no other is open beside it."""
        workspace = Path(name).stem
        return f"http://127.0.0.1:{self.port}/lab/workspaces/{workspace}/tree/{name}?token={self.token}"

    def stop(self) -> None:
        """End the server, and with it its kernels."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(120)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class OpenNotebook:
    """The notebook that a browser shows."""

    def __init__(self, browser, lab: JupyterLab, name: str):
        self.browser = browser
        written = [cell for cell in nbformat.read(lab.notebooks / name, 4).cells if cell.cell_type == "code"]
        browser.get(lab.address(name))
        self._until(lambda: len(self.cells()) == len(written), 600, "the notebook's cells")
        self._until(lambda: "| Idle" in self._status_bar(), 600, "an idle kernel")

    def _until(self, condition, seconds: float, what: str):
        return WebDriverWait(self.browser, seconds, poll_frequency=0.5).until(
            lambda _: condition(), f"waited {seconds} s for {what}")

    def _status_bar(self) -> str:
        return self.browser.find_element(By.ID, "jp-main-statusbar").text

    def cells(self) -> list[dict]:
        """Prompt, source and outputs of each code cell, as the page has them now."""
        return self.browser.execute_script(READ_CELLS)

    def run_all(self, seconds: float = 1800) -> None:
        """Choose *Run → Run All Cells*, and wait until no cell waits for its turn."""
        self._choose("Run", "Run All Cells")
        self._until(self._is_done, seconds, "all cells to have run")

    def _choose(self, menu: str, entry: str) -> None:
        titles = self.browser.find_elements(By.CSS_SELECTOR, "#jp-MainMenu .lm-MenuBar-itemLabel")
        next(title for title in titles if title.text == menu).click()
        path = f"//li[contains(@class, 'lm-Menu-item')]//div[text()='{entry}']"
        self._until(lambda: self.browser.find_elements(By.XPATH, path), 60, f"the menu's entry {entry!r}")
        self.browser.find_element(By.XPATH, path).click()

    def _is_done(self) -> bool:
        """Whether the first cell has run and none waits: after an error, those that follow wait no longer."""
        prompts = [cell["prompt"] for cell in self.cells()]
        return prompts[0].strip("[]: ").isdigit() and not any("*" in prompt for prompt in prompts)

    def find_cell(self, text: str) -> int:
        """The place among the code cells of the one whose source has this text."""
        found = [number for number, cell in enumerate(self.cells()) if text in cell["source"]]
        assert len(found) == 1, f"{len(found)} cells have {text!r}"
        return found[0]

    def show(self, number: int):
        """Scroll a code cell to the middle of the window; returns its element."""
        cell = self.browser.find_elements(By.CSS_SELECTOR, ".jp-Notebook .jp-CodeCell")[number]
        self.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", cell)
        return cell

    def type_and_run(self, number: int, source: str, seconds: float = 300) -> str:
        """Replace a cell's source by keyboard, a line, and run it; returns the text of its outputs."""
        keys = self._select_all(number)
        keys.send_keys(source)
        return self._run_cell(number, source, seconds)

    def paste_and_run(self, number: int, source: str, seconds: float = 300) -> str:
        """The same by pasting: an editor indents lines that are typed, and leaves what is pasted as it is."""
        self._select_all(number)
        self.browser.execute_cdp_cmd("Input.insertText", {"text": source})
        return self._run_cell(number, source, seconds)

    def _select_all(self, number: int):
        """Click into a cell's editor and select its text; returns the element that has the keyboard."""
        self.show(number).find_element(By.CSS_SELECTOR, ".cm-content").click()
        keys = self.browser.switch_to.active_element
        keys.send_keys(Keys.CONTROL, "a")
        return keys

    def _run_cell(self, number: int, source: str, seconds: float) -> str:
        before = self.cells()[number]
        assert before["source"].split() == source.split(), before["source"]
        self.browser.switch_to.active_element.send_keys(Keys.SHIFT, Keys.ENTER)
        self._until(lambda: self._has_run_again(number, before["prompt"]), seconds, f"the cell {source!r}")
        return "\n".join(output["text"] for output in self.cells()[number]["outputs"])

    def _has_run_again(self, number: int, before: str) -> bool:
        prompt = self.cells()[number]["prompt"]
        return prompt != before and prompt.strip("[]: ").isdigit()


def errors_in(cells: list[dict]) -> list[str]:
    """The text of every error, warning or other complaint that the page shows; progress bars are none."""
    shown = [output["text"] for cell in cells for output in cell["outputs"] if output["kind"] == STDERR]
    return [text for text in shown if text.strip() and not re.search(r"\d+%\|", text)]
