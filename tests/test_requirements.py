"""Installing the requirements moves nothing that Colab or Kaggle ship, and the tested set satisfies them."""

from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
COLAB = {"torch": "2.11.0", "torchvision": "0.26.0", "numpy": "2.1.3", "matplotlib": "3.10.0", "pandas": "2.2.3",
         "albumentations": "2.0.8", "scikit-learn": "1.6.1", "nbclient": "0.10.4", "nbformat": "5.11.1",
         "torchsummary": "1.5.1", "tqdm": "4.67.3", "tensorboard": "2.20.0",
         "joblib": "1.5.3"}  # August 2026, Python 3.13
KAGGLE = {"torch": "2.10.0", "torchvision": "0.25.0", "numpy": "2.0.2", "matplotlib": "3.10.0", "pandas": "2.2.2",
          "albumentations": "2.0.8", "nbclient": "0.10.4"}  # August 2026, Python 3.12
ABSENT_THERE = {"torch-lr-finder", "jupyter", "torchsummary", "scikit-learn", "scipy", "nbformat", "tqdm",
                "tensorboard", "joblib"}


def read(name):
    lines = (line.split("#")[0].strip() for line in (ROOT / name).read_text().splitlines())
    return [Requirement(line) for line in lines if line]


@pytest.mark.parametrize("place", [COLAB, KAGGLE], ids=["colab", "kaggle"])
def test_hosted_versions_satisfy_every_line(place):
    for requirement in read("requirements.txt"):
        assert requirement.name in place or requirement.name in ABSENT_THERE, requirement.name
        if requirement.name in place:
            assert requirement.specifier.contains(place[requirement.name]), f"{requirement} moves {place}"


def test_albumentations_stays_on_its_mit_line():
    bound = {r.name: r.specifier for r in read("requirements.txt")}["albumentations"]
    assert bound.contains("2.0.8") and not bound.contains("2.1.0")


@pytest.mark.parametrize("python", ["3.10", "3.11", "3.13"])
def test_the_tested_set_satisfies_the_bounds(python):
    environment = {"python_version": python, "python_full_version": python + ".0"}
    pins = {r.name: str(r.specifier).removeprefix("==") for r in read("constraints.txt")
            if r.marker is None or r.marker.evaluate(environment)}
    for requirement in read("requirements.txt"):
        assert requirement.specifier.contains(pins[requirement.name]), requirement
