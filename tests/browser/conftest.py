"""A headless Chromium, a JupyterLab, and a folder for pictures of what they showed."""

import importlib.util
import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PICTURES = ROOT / "runs" / "browser"
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


def find_program(*names: str) -> str:
    """The path of the first of these programs that is installed, or ""."""
    return next(filter(None, map(shutil.which, names)), "")


def what_is_missing() -> str:
    """Why no browser can be driven here, and what to do; "" where one can."""
    if not importlib.util.find_spec("selenium"):
        return "selenium is not installed: `make test-browser` installs it"
    if not (find_program(*CHROMIUM) and find_program("chromedriver")):
        return "Chromium or its driver is not installed: sudo apt-get install chromium chromium-driver"
    return ""


collect_ignore_glob = [] if importlib.util.find_spec("selenium") else ["test_*.py"]  # they import it


def pytest_report_header() -> str:
    missing = what_is_missing()
    return f"browser tests: {missing}" if missing else ""


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium; skips with what is missing."""
    if missing := what_is_missing():
        pytest.skip(missing)
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = find_program(*CHROMIUM)
    options.add_argument("--headless=new")
    options.add_argument("--window-size=1400,1000")
    options.add_argument("--disable-dev-shm-usage")  # containers have a small /dev/shm
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.add_argument("--no-sandbox")
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(find_program("chromedriver")))
    driver.set_page_load_timeout(600)
    yield driver
    driver.quit()


@pytest.fixture(scope="session")
def lab(browser, tmp_path_factory):
    """A JupyterLab whose notebooks, runs, figures and settings lie in a temporary folder."""
    from jupyter_lab import JupyterLab

    server = JupyterLab(tmp_path_factory.mktemp("lab"))
    try:
        server.wait()
        yield server
    finally:
        server.stop()


@pytest.fixture
def take_picture(browser):
    """A function that saves what the browser shows as ``runs/browser/<name>.png``."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    return lambda name: browser.save_screenshot(str(PICTURES / f"{name}.png"))
