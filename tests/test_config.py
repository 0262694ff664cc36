"""`TrainConfig` holds plain Python values whatever it is given, so that a checkpoint with it can be read back."""

import enum
import io
import re
from dataclasses import asdict, fields, replace

import numpy as np
import pytest
import torch

from helpers.training.config import TrainConfig

DEFAULTS = {one.name: one.default for one in fields(TrainConfig)}
WHOLE = [name for name, default in DEFAULTS.items() if type(default) is int]
REAL = [name for name, default in DEFAULTS.items() if type(default) is float]
TEXTS = [name for name, default in DEFAULTS.items() if type(default) is str]


def read_back(config):
    file = io.BytesIO()
    torch.save(asdict(config), file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def test_every_number_and_text_is_covered():
    kinds = {name: type(DEFAULTS[name]) for name in DEFAULTS if name not in (*WHOLE, *REAL, *TEXTS)}
    assert set(kinds.values()) == {bool, tuple} and "seed" in WHOLE and "max_lr" in REAL


@pytest.mark.parametrize("kind", [np.int64, np.int32, np.uint16])
@pytest.mark.parametrize("name", WHOLE)
def test_whole_numbers_of_numpy_become_int(name, kind):
    config = TrainConfig(**{name: kind(DEFAULTS[name])})
    assert type(getattr(config, name)) is int and config == TrainConfig() and read_back(config) == asdict(config)


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.float16])
@pytest.mark.parametrize("name", REAL)
def test_real_numbers_of_numpy_become_float(name, kind):
    given = kind(DEFAULTS[name])
    config = TrainConfig(**{name: given})
    found = getattr(config, name)
    assert type(found) is float and found == given and read_back(config) == asdict(config)


@pytest.mark.parametrize("name", TEXTS)
def test_texts_of_numpy_become_str(name):
    config = TrainConfig(**{name: np.array([DEFAULTS[name]])[0]})
    assert type(getattr(config, name)) is str and config == TrainConfig() and read_back(config) == asdict(config)


def test_the_member_of_an_enumeration_becomes_its_value():
    model = enum.Enum("Model", {"SMALL": "custom_resnet_16"}, type=str).SMALL
    assert str.__eq__(TrainConfig(model=model).model, "custom_resnet_16")
    assert type(TrainConfig(model=model).model) is str


def test_image_sizes_of_numpy_become_pairs_of_int():
    config = TrainConfig(image_sizes=np.array([[0, 24], [16, 32]]))
    assert config.image_sizes == ((0, 24), (16, 32)) and read_back(config) == asdict(config)
    assert {type(number) for pair in config.image_sizes for number in pair} == {int}


@pytest.mark.parametrize("sizes", [((0, 16.5),), ((0, True),), "0:24", 24, ((0,),), ((16, 32), (0, 24)), ((0, 513),),
                                   ((0, 24), (0, 32)), ((0, 16), (6, 24), (6, 32)), ((-1, 24),), (None,)])
def test_image_sizes_that_are_no_pairs_of_whole_numbers_are_refused(sizes):
    with pytest.raises(ValueError, match=re.escape(f"image_sizes={sizes!r}: give (first_epoch, pixels) pairs")):
        TrainConfig(image_sizes=sizes)


def test_a_recipe_that_is_shortened_keeps_its_sizes():
    config = TrainConfig(num_epochs=24, image_sizes=((0, 24), (16, 32)))
    assert replace(config, num_epochs=4).image_sizes == ((0, 24), (16, 32))


def test_plain_values_stay_as_they_were_given():
    config = TrainConfig(max_lr=1, nesterov=False, seed=2**32 - 1)
    assert type(config.max_lr) is int and config.nesterov is False and config.seed == 2**32 - 1


@pytest.mark.parametrize("change", [{"seed": np.float64(1)}, {"seed": np.True_}, {"max_lr": np.float32("nan")},
                                    {"max_lr": np.zeros(3)}, {"nesterov": np.int64(1)}, {"model": np.int64(1)}])
def test_what_is_of_another_kind_is_refused(change):
    [name] = change
    with pytest.raises(ValueError, match=f"{name}="):
        TrainConfig(**change)
