"""The contact sheet of `make figures` in a real browser: on a desk, on a phone, in the dark, by keyboard."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from jupyter_lab import ROOT
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

DESK, PHONE = (1400, 1000), (390, 844)
READ_FIGURES = """
const seen = [...document.querySelectorAll('figure')].map(async figure => {
  const picture = figure.querySelector('img');
  picture.loading = 'eager';
  await picture.decode();
  const box = figure.getBoundingClientRect();
  return {alt: picture.alt, width: picture.naturalWidth, shown: picture.getBoundingClientRect().width,
          left: box.left, right: box.right, text: figure.innerText,
          links: [...figure.querySelectorAll('a')].map(link => link.getAttribute('href')),
          touched: [...figure.querySelectorAll('li a')].map(link => link.getBoundingClientRect().height)};
});
return Promise.all(seen);
"""
READ_COLORS = """
const style = getComputedStyle(document.body);
return [getComputedStyle(document.querySelector('figcaption')).color, style.color, style.backgroundColor];
"""


@pytest.fixture(scope="module")
def folder(browser, tmp_path_factory):
    """The figures of notebook 01, as `make figures ONLY=01 FORMATS=png,svg PROFILE=smoke` writes them."""
    folder = tmp_path_factory.mktemp("sheet") / "figures of 01"
    command = [sys.executable, "notebooks/execute.py", "--figures", str(folder), "--only", "01",
               "--profile", "smoke", "--formats", "png,svg"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return folder


@pytest.fixture(scope="module")
def manifest(folder):
    figures = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["figures"]
    assert len(figures) >= 5
    return figures


@pytest.fixture
def show(browser, folder):
    """A function that opens the sheet in a window of this size, light or dark; undone after the test."""

    def show(size, scheme="light"):
        width, height = size
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": size == PHONE})
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {
            "features": [{"name": "prefers-color-scheme", "value": scheme}]})
        browser.get((folder / "index.html").as_uri())

    yield show
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_each_figure_is_shown_and_described(browser, show, folder, manifest, size, take_picture):
    show(size)
    found = browser.execute_script(READ_FIGURES)
    take_picture(f"sheet_{size[0]}")
    assert [figure["alt"] for figure in found] == [entry["alt"] for entry in manifest]
    for figure, entry in zip(found, manifest, strict=True):
        assert figure["width"] >= 300 and figure["shown"] >= 250, entry["name"]
        assert entry["caption"] in figure["text"]
        files = {file["file"] for file in entry["files"].values()}
        assert files <= set(figure["links"]) and all((folder / name).stat().st_size for name in files)
        assert 0 <= figure["left"] < figure["right"] <= size[0], "sticks out of the window"


def test_on_a_phone_figures_stand_below_each_other_and_links_are_large(browser, show, take_picture):
    show(PHONE)
    found = browser.execute_script(READ_FIGURES)
    assert len({figure["left"] for figure in found}) == 1
    assert all(height >= 24 for figure in found for height in figure["touched"])
    assert browser.execute_script("return document.documentElement.scrollWidth") <= PHONE[0]
    browser.execute_script("document.querySelectorAll('figure')[1].scrollIntoView()")
    take_picture("sheet_phone_second_figure")


def test_nothing_is_fetched_and_nothing_fails(browser, show):
    show(DESK)
    browser.execute_script(READ_FIGURES)
    entries = browser.execute_script("return performance.getEntriesByType('resource')")
    fetched = [entry["name"] for entry in entries]
    assert [name for name in fetched if not name.startswith(("data:", "file:"))] == []
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []


def luminance(color):
    """Relative luminance of ``rgb(…)``, as WCAG 2 defines it."""
    channels = [int(value) / 255 for value in re.findall(r"\d+", color)[:3]]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return sum(share * value for share, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_can_be_read_in_light_and_in_the_dark(browser, show, scheme, take_picture):
    show(DESK, scheme)
    take_picture(f"sheet_{scheme}")
    *inks, ground = map(luminance, browser.execute_script(READ_COLORS))
    assert (ground < 0.1) == (scheme == "dark")
    for ink in inks:
        assert (max(ink, ground) + 0.05) / (min(ink, ground) + 0.05) >= 4.5


def test_the_first_tab_offers_to_skip_to_the_figures(browser, show):
    show(DESK)
    browser.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
    focused = browser.switch_to.active_element
    assert focused.text.startswith("Skip") and focused.rect["x"] >= 0
    focused.send_keys(Keys.ENTER)
    target = browser.execute_script("return document.querySelector(location.hash).tagName")
    assert target == "MAIN"


def test_each_picture_leads_to_its_file(browser, show, manifest):
    show(DESK)
    links = browser.find_elements(By.CSS_SELECTOR, "figure > a")
    assert len(links) == len(manifest)
    links[0].click()
    assert Path(browser.current_url).name == manifest[0]["files"]["png"]["file"]
