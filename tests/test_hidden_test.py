"""Hidden test files: no pickle runs code, every layout gives the same images, and the answers are a slow loop's."""

import csv
import io
import ntpath
import os
import pickle
import re
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from helpers.analysis.hidden_test import load_ensemble, predict_images, read_hidden_test, read_pickle, write_predictions
from helpers.data.cifar import load_cifar
from helpers.data.stand_in import make_stand_in
from helpers.experiments.load import LoadedModel
from helpers.experiments.run_folder import RunFolder
from helpers.models.registry import make_model
from helpers.training.config import TrainConfig

IMAGES = make_stand_in("test", 40).images
PLANES = IMAGES.numpy().reshape(40, 3072)
BY_PIXEL = IMAGES.permute(0, 2, 3, 1).numpy()
ROOT = Path(__file__).parent.parent


def dump(tmp_path, content, protocol=4):
    path = tmp_path / "hidden.pkl"
    path.write_bytes(content if isinstance(content, bytes) else pickle.dumps(content, protocol=protocol))
    return path


# --- pickles that would run code --------------------------------------------------------------------------------

class Calls:
    """Pickled, it asks for a function to be called."""

    def __init__(self, function, *given):
        self.function, self.given = function, given

    def __reduce__(self):
        return self.function, self.given


def attacks(target):
    shell, touch = Calls(os.system, f"touch {target}"), Calls(Path.touch, target)
    code = Calls(eval, f"open({str(target)!r}, 'w')")
    array = np.empty(2, object)
    array[:] = [shell, 1]
    return {"os.system": shell, "a method": touch, "eval": code, "exec": Calls(exec, f"open({str(target)!r}, 'w')"),
            "in a dict": {b"data": PLANES, b"ids": {"deep": [0, (code,)]}}, "as a key": {Calls(str, "data"): PLANES},
            "in an array": {b"data": array}, "in an array of arrays": np.array([array, array], object),
            "import": Calls(__import__, "antigravity"), "getattr": Calls(getattr, "text", "upper"),
            "a file": Calls(open, str(target), "w"), "a class": Calls(bytearray, 3), "torch": torch.zeros(2)}


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
@pytest.mark.parametrize("name", attacks("target"))
def test_a_pickle_with_code_is_refused_and_not_run(tmp_path, name, protocol):
    target = tmp_path / "it_ran"
    path = dump(tmp_path, attacks(target)[name], protocol)
    with pytest.raises(ValueError, match="it asks for .*; nothing in it was run") as refused:
        read_hidden_test(path)
    assert str(path) in str(refused.value) and not target.exists()


def test_the_attacks_are_real(tmp_path):
    for name in ("os.system", "a method", "eval", "exec", "in a dict", "in an array", "a file"):
        target = tmp_path / name.replace(" ", "_")
        pickle.loads(pickle.dumps(attacks(target)[name]))
        assert target.exists(), name


@pytest.mark.parametrize("line", [b"cos\nsystem\n(S'touch %s'\ntR.", b"(S'touch %s'\nios\nsystem\n.",
                                  b"cposix\nsystem\n(S'touch %s'\ntR.", b"cnumpy\ntesting\n.", b"c__builtin__\neval\n.",
                                  b"cnumpy\nndarray.__class__\n.", b"cnumpy.core.multiarray\nfromfile\n."])
def test_handwritten_opcodes_are_refused(tmp_path, line):
    target = tmp_path / "it_ran"
    with pytest.raises(ValueError, match="it asks for"):
        read_pickle(dump(tmp_path, line.replace(b"%s", str(target).encode())))
    assert not target.exists()


@pytest.mark.parametrize("function", [b"_codecs\nencode", b"numpy._core.numeric\n_frombuffer", b"numpy\ndtype"])
@pytest.mark.parametrize("attribute", [b"__defaults__", b"__class__", b"__array_interface__", b"dtype"])
def test_a_pickle_cannot_tamper_with_what_it_may_call(tmp_path, function, attribute):
    line = b"c" + function + b"\n(N}V" + attribute + b"\n(V\xe9\nVutf8\nV1\nV2\nV3\ntstb."
    with pytest.raises(ValueError, match="has no attribute|object layout|must be set to a class"):
        read_pickle(dump(tmp_path, line))
    assert np.array_equal(read_pickle(dump(tmp_path, {b"data": PLANES}))[b"data"], PLANES)


KIND, ARRAY, ADDRESS = b"cnumpy\ndtype\n", b"cnumpy.core.multiarray\n_reconstruct\n(NtR", b"C\x08" + b"A" * 8
OBJECTS = KIND + b"(VO\ntR"
STRUCT = (KIND + b"(VV8\ntR(I3\nV|\nN(Va\nt}Va\n(" + OBJECTS + b"I0\ntsI8\nI1\nI0\ntb")  # not marked as holding objects
MEMORY = {  # each makes NumPy take these eight bytes for the address of an object, or a number for a size
    "objects of bytes": ARRAY + b"(I1\n(I1\nt" + OBJECTS + b"I00\n" + ADDRESS + b"tb",
    "numbers, then objects": ARRAY + b"(I1\n(I1\nt" + KIND + b"(Vi8\ntRI00\n" + ADDRESS + b"tb"
                             + b"(I1\n(I1\nt" + OBJECTS + b"I00\nNtb",
    "objects in a struct": b"cnumpy.core.multiarray\nscalar\n(" + STRUCT + ADDRESS + b"tR",
    "objects from a buffer": b"cnumpy._core.numeric\n_frombuffer\n(" + ADDRESS + OBJECTS + b"(I1\ntVC\ntR",
    "an array at an address": b"cnumpy\nndarray\n((I1\nt" + OBJECTS + ADDRESS + b"tR",
    "negative strides": b"cnumpy\nndarray\n((I2\nt" + KIND + b"(Vu1\ntR" + ADDRESS + b"I0\n(I-99999\nttR",
    "an element of negative size": b"cnumpy.core.multiarray\nscalar\n(" + KIND + b"(VU4\ntR(I3\nV<\nNNNI-8\nI1\nI0\ntb"
                                   + ADDRESS + b"tR",
    "more than there is": ARRAY + b"(I1\n(I9999999999\nI3072\nt" + KIND + b"(Vu1\ntRI00\n" + ADDRESS + b"tb",
    "a size for a content": ARRAY + b"(I1\n(I-1\nt" + KIND + b"(Vu1\ntRI00\nI200000000000\ntb",
    "a size for a buffer": b"cnumpy._core.numeric\n_frombuffer\n(I200000000000\n" + KIND + b"(Vu1\ntR(I-1\ntVC\ntR",
    "endlessly many of nothing": ARRAY + b"(I1\n(I9999999999\nt" + KIND + b"(VS0\ntRI00\nC\x00tb"}


def test_numbers_of_a_pickle_are_never_addresses(tmp_path):
    """In a process of its own, because a failure may end it."""
    good = pickle.dumps(PLANES[:1], protocol=4)[2:-1]
    for key in ("data", "ids"):
        for name, attack in MEMORY.items():
            parts = {"data": good} | {key: attack}
            lines = b"".join(b"(V" + k.encode() + b"\n" + content + b"u" for k, content in parts.items())
            (tmp_path / f"{key}, {name}").write_bytes(b"\x80\x04}" + lines + b".")
    code = ("import sys; from pathlib import Path; from helpers.analysis.hidden_test import read_hidden_test\n"
            "for path in sorted(Path(sys.argv[1]).iterdir()):\n"
            "    print(path.name, end=': ', flush=True)\n"
            "    try: read_hidden_test(path); print('accepted', flush=True)\n"
            "    except ValueError: print('refused', flush=True)")
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, cwd=ROOT)
    lines = done.stdout.splitlines()
    assert done.returncode == 0, (lines[-1:], done.stderr[-300:])
    assert len(lines) == 2 * len(MEMORY) and all(line.endswith(": refused") for line in lines), done.stdout


def test_lists_within_lists_are_refused_at_once(tmp_path):
    nested = 1
    for _ in range(40):
        nested = [nested] * 10
    for content in ({b"data": nested}, {b"data": PLANES[:1], b"ids": nested}):
        with pytest.raises(ValueError, match="expected an array|neither numbers nor text"):
            read_hidden_test(dump(tmp_path, content))


@pytest.mark.parametrize("content", [b"", b"\x80\x04", b"no pickle", pickle.dumps({b"data": PLANES})[:-500]])
def test_damaged_files_are_refused(tmp_path, content):
    with pytest.raises(ValueError, match="not a pickle of plain arrays"):
        read_hidden_test(dump(tmp_path, content))


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match="absent.pkl"):
        read_hidden_test(tmp_path / "absent.pkl")


# --- pickles of plain data --------------------------------------------------------------------------------------

@pytest.mark.parametrize("protocol", range(6))
def test_plain_data_comes_back(tmp_path, protocol):
    content = {b"data": PLANES[:3], b"ids": [np.int64(3), 4, 5.5], "wide": np.arange(6.0).reshape(2, 3).T,
               "text": ["ä", b"\xff\x00", None, True, 2**70, (1,)], "objects": np.array([b"a", "b", None], object),
               "names": np.array(["x", "yz"]), "many": np.array([[1, 2]], ">i4")}
    path = dump(tmp_path, content, protocol)
    read = read_pickle(path)
    assert read.keys() == content.keys() and read["text"] == content["text"]
    assert [float(i) for i in read[b"ids"]] == [3, 4, 5.5]
    plain = pickle.loads(path.read_bytes())
    for name in (b"data", "wide", "names", "many", "objects"):
        same_kind = read[name].dtype.newbyteorder("=") == plain[name].dtype.newbyteorder("=")
        assert same_kind and np.array_equal(read[name], content[name])


def python2_array(array, module):
    """Opcodes as Python 2's cPickle and NumPy 1 wrote an array, protocol 2: all text is bytes there."""
    def text(value):
        return b"U" + bytes([len(value)]) + value

    raw, shape = array.tobytes(), b"".join(b"M" + struct.pack("<H", n) for n in array.shape)
    kind = array.dtype.str.encode()
    return (b"c" + module + b"\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + text(b"b") + b"\x87R(K\x01"
            + b"(" + shape + b"t" + b"cnumpy\ndtype\n" + text(kind[1:]) + b"K\x00K\x01\x87R(K\x03" + text(kind[:1])
            + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89" + b"T" + struct.pack("<i", len(raw)) + raw + b"tb")


@pytest.mark.parametrize("module", [b"numpy.core.multiarray", b"numpy._core.multiarray"])
def test_files_of_python_2_and_older_numpy(tmp_path, module):
    ids = np.arange(40, dtype="<i8") * 7
    content = (b"\x80\x02}(U\x04data" + python2_array(PLANES, module) + b"U\x03ids" + python2_array(ids, module)
               + b"U\x0bbatch_labelU\x04testu.")
    images, read = read_hidden_test(dump(tmp_path, content))
    assert torch.equal(images, IMAGES) and read.tolist() == ids.tolist()


def test_the_official_file_is_read():
    path = ROOT / "data" / "cifar-10-batches-py" / "test_batch"
    if not path.exists():
        pytest.skip("needs the real CIFAR-10 files in data/")
    content = read_pickle(path)
    images, ids = read_hidden_test(path)
    test = load_cifar("cifar10", "test")
    assert test.real and torch.equal(images, test.images) and content[b"labels"] == test.labels.tolist()
    assert ids.tolist() == list(range(10_000)) and content[b"filenames"][0].endswith(b".png")
    turned = torch.from_numpy(content[b"data"]).view(-1, 3, 32, 32).permute(0, 2, 3, 1).reshape(-1, 3072).numpy()
    assert torch.equal(read_layout(turned), test.images)


def read_layout(data, **more):
    """`read_hidden_test` of these data."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        return read_hidden_test(dump(Path(folder), {b"data": data, **more}))[0]


LAYOUTS = {"rows of planes": PLANES, "rows of pixels": BY_PIXEL.reshape(40, 3072), "pixels": BY_PIXEL,
           "planes": IMAGES.numpy(), "not contiguous": np.ascontiguousarray(PLANES.T).T,
           "backwards": np.ascontiguousarray(BY_PIXEL[::-1])[::-1]}


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("count", [1, 40])
def test_every_layout_gives_the_same_images(name, count):
    images = read_layout(LAYOUTS[name][:count])
    assert images.dtype == torch.uint8 and images.is_contiguous() and torch.equal(images, IMAGES[:count])


@pytest.mark.parametrize("data, named", [
    (np.random.default_rng(0).integers(0, 256, (50, 3072), np.uint8), "as rough in planes as pixel by pixel"),
    (np.full((4, 3072), 9, np.uint8), "as rough in planes"), (PLANES.astype(np.float32), "type float32"),
    (PLANES.astype(np.int8), "type int8"), (PLANES[:0], r"shape \(0, 3072\)"), (PLANES[:, :3071], r"\(40, 3071\)"),
    (PLANES[0], r"\(3072,\)"), (IMAGES.numpy().reshape(40, 3, 1024), r"\(40, 3, 1024\)"), (5, "type int,"),
    (["a", "b"], "type list,")])
def test_data_that_are_no_images_are_refused(data, named):
    with pytest.raises(ValueError, match=f"hidden.pkl: .*{named}"):
        read_layout(data)


@pytest.mark.parametrize("content, named", [
    ({b"images": PLANES, 3: 1}, r"no b'data' in it, only \['3', 'images'\]"), ([PLANES], "holds a list"),
    ({b"data": PLANES, b"ids": np.arange(39)}, r"40 images but ids of shape \(39,\)"),
    ({b"data": PLANES, b"ids": np.arange(40) // 2}, "20 different"),
    ({b"data": PLANES, b"ids": np.arange(40)[:, None]}, r"shape \(40, 1\)")])
def test_other_contents_are_named(tmp_path, content, named):
    with pytest.raises(ValueError, match=named):
        read_hidden_test(dump(tmp_path, content))


@pytest.mark.parametrize("ids", [np.array([2**63 + 5, *range(39)], np.uint64), [2**53 + 1, 0.5, *range(2, 40)]])
def test_large_ids_keep_every_digit(tmp_path, ids):
    read, labels = read_hidden_test(dump(tmp_path, {"data": PLANES, "ids": ids}))[1], torch.zeros(40, dtype=int)
    path = write_predictions(read, labels, "s10", tmp_path / "a.pt", val_accuracy=None, root=tmp_path)
    assert path.read_text().splitlines()[1:3] == [f"{int(ids[0])},0", f"{ids[1]},0"]


@pytest.mark.parametrize("ids", [[b"t%02d" % i for i in range(40)], [f"t{i:02d}" for i in range(40)],
                                 np.array([b"t%02d" % i for i in range(40)]),
                                 np.array([f"t{i:02d}" for i in range(40)], object)])
def test_ids_of_text_stay_text(tmp_path, ids):
    read = read_hidden_test(dump(tmp_path, {"data": PLANES, "ids": ids}))[1]
    path = write_predictions(read, torch.zeros(40, dtype=torch.long), "e", tmp_path, val_accuracy=None, root=tmp_path)
    assert path.read_text().splitlines()[1:3] == ["t00,0", "t01,0"]


# --- images alone ------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", LAYOUTS)
def test_images_alone_are_read_from_npy_and_pickle(tmp_path, name):
    """CIFAR-10.1 and CIFAR-10-C are published as .npy, (N, 32, 32, 3); the ids are then the places."""
    data = LAYOUTS[name]
    np.save(tmp_path / "images.npy", data)
    for path in (tmp_path / "images.npy", dump(tmp_path, data)):
        images, ids = read_hidden_test(path)
        assert torch.equal(images, IMAGES) and ids.tolist() == list(range(40))
        images[0] = 0  # a tensor of its own, not the file
    assert np.array_equal(np.load(tmp_path / "images.npy"), data)


def test_an_npy_file_that_would_run_code_is_refused(tmp_path):
    target, array = tmp_path / "it_ran", np.empty(1, object)
    array[0] = Calls(Path.touch, target)
    np.save(tmp_path / "a.npy", array, allow_pickle=True)
    with pytest.raises(ValueError, match="a.npy: .*save the images as np.uint8 .*nothing in it was run"):
        read_hidden_test(tmp_path / "a.npy")
    assert not target.exists()
    np.load(tmp_path / "a.npy", allow_pickle=True)
    assert target.exists(), "the attack is real"


def npy(shape, content=b"\x00" * 3072):
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}}}".ljust(117).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + content


@pytest.mark.parametrize("content", [npy((10**12, 3072)), npy((-1, 3072)), npy((1, 3073)), npy("__import__('os')"),
                                     npy((1, 32, 32, 3))[:60], b"\x93NUMPY"], ids=range(6))
def test_damaged_npy_files_are_refused(tmp_path, content):
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(ValueError, match="a.npy: "):
        read_hidden_test(tmp_path / "a.npy")


def test_the_handwritten_npy_file_is_one(tmp_path):
    (tmp_path / "a.npy").write_bytes(npy((1, 32, 32, 3)))
    assert read_hidden_test(tmp_path / "a.npy")[0].shape == (1, 3, 32, 32)


def test_other_files_of_numpy_say_what_to_do(tmp_path):
    np.savez(tmp_path / "a.npz", data=BY_PIXEL, ids=np.arange(40))
    with pytest.raises(ValueError, match=r"a.npz: a zip archive .*np.save\('images.npy', np.load"):
        read_hidden_test(tmp_path / "a.npz")
    np.save(tmp_path / "labels.npy", np.arange(40))
    with pytest.raises(ValueError, match=r"type int64, shape \(40,\).*not of the labels"):
        read_hidden_test(tmp_path / "labels.npy")


# --- answers ----------------------------------------------------------------------------------------------------

def member(seed, mean=0.5, std=0.25):
    torch.manual_seed(seed)
    model = make_model("depthwise_dilated", num_classes=10).eval()
    statistics = torch.full((3,), mean), torch.full((3,), std)
    config = TrainConfig(model="depthwise_dilated", precision="float32")
    return LoadedModel(model, config, tuple("abcdefghij"), statistics, 0.5, 1)


@pytest.mark.parametrize("flip", [False, True])
def test_an_ensemble_is_the_mean_of_a_slow_loop(flip):
    members = [member(1), member(2, 0.4, 0.2), member(3, 0.6, 0.3)]
    logits = predict_images(IMAGES, members, torch.device("cpu"), flip=flip)
    for image, row in zip(IMAGES[:12], logits, strict=False):
        answers = []
        for loaded in members:
            mean, std = (float(part[0]) for part in loaded.statistics)
            for picture in (image, image.flip(2)) if flip else (image,):
                with torch.no_grad():
                    answers.append(loaded.model(((picture.double() / 255 - mean) / std).float()[None])[0])
        assert torch.allclose(row, torch.stack(answers).mean(0), atol=1e-4)
    assert logits.shape == (40, 10) and logits.std(0).min() > 0


def run_with(tmp_path, count):
    run = RunFolder(tmp_path / "run", keep=5, about={"classes": list("abcdefghij"), "channel_mean": [0.5] * 3,
                                                     "channel_std": [0.25] * 3})
    run._log = lambda row: None
    config = {name: getattr(TrainConfig(model="depthwise_dilated"), name) for name in TrainConfig.__dataclass_fields__}
    rows = [{"epoch": i + 1, "val_accuracy": accuracy} for i, accuracy in enumerate([0.3, 0.9, 0.5][:count])]
    for i in range(count):
        run.save({"model": member(i).model.state_dict(), "config": config, "history": rows[:i + 1]})
    return run


def test_members_of_an_ensemble_are_the_best(tmp_path, monkeypatch):
    run = run_with(tmp_path, 3)
    best = run.ranked()[0]
    assert [loaded.epoch for _, loaded in load_ensemble(best, 3)] == [2, 3, 1]
    assert [path for path, _ in load_ensemble(best, 2)] == run.ranked()[:2]
    assert [path.name for path, _ in load_ensemble(run.checkpoints / "last.pt", 1)] == ["last.pt"]
    monkeypatch.chdir(run.checkpoints)
    written = write_predictions(np.arange(1), torch.zeros(1), "a", best, val_accuracy=0.9, root=tmp_path)
    for other in (Path(best.name), written.with_name("model.pt")):  # relative, and what an evaluation leaves
        assert [loaded.epoch for _, loaded in load_ensemble(other, 3)] == [2, 3, 1]
    with pytest.raises(ValueError, match="keeps 3 ranked checkpoints, 4 were asked for"):
        load_ensemble(best, 4)
    for count in (0, -1):
        with pytest.raises(ValueError, match=f"top={count}"):
            load_ensemble(best, count)


def test_predictions_and_their_folder(tmp_path):
    checkpoint = tmp_path / "runs" / "s10" / "now" / "checkpoints" / "epoch_002_val_0.9312.pt"
    checkpoint.parent.mkdir(parents=True)
    checkpoint.write_bytes(b"weights")
    ids, labels = np.array([7, 3, 11]), torch.tensor([9, 0, 4])
    paths = [write_predictions(ids, labels, "s10", checkpoint, val_accuracy=val, root=tmp_path / "runs")
             for val in (0.9312, 0.9312, None)]
    assert len(set(paths)) == 3  # of the same moment, too
    for path, val in zip(paths, ("0.9312", "0.9312", "unknown"), strict=True):
        assert path.name == "predictions.csv" and path.parent.parent == tmp_path / "runs" / "evaluations"
        assert re.fullmatch(rf"s10_val_acc_{val}_\d{{8}}-\d{{6}}-\d{{6}}", path.parent.name)
        rows = list(csv.reader(io.StringIO(path.read_text())))
        assert rows == [["ID", "Label"], ["7", "9"], ["3", "0"], ["11", "4"]]
        assert (path.parent / "model.pt").read_bytes() == b"weights"
    (tmp_path / "runs").rename(tmp_path / "moved")  # the link is relative
    moved = tmp_path / "moved" / paths[0].relative_to(tmp_path / "runs")
    assert (moved.parent / "model.pt").read_bytes() == b"weights"


def test_a_checkpoint_on_another_drive_is_named_in_a_file(tmp_path, monkeypatch):
    """Windows has no relative path from one drive to another: `ntpath` raises ValueError, on any system."""
    monkeypatch.setattr(os.path, "relpath", lambda path, start: ntpath.relpath("D:/a.pt", "C:/runs"))
    with pytest.raises(ValueError, match="mount"):
        os.path.relpath(1, 2)
    path = write_predictions(np.array([1]), torch.tensor([2]), "s10", tmp_path / "a.pt", val_accuracy=0.5,
                             root=tmp_path)
    assert path.read_text() == "ID,Label\n1,2\n"
    assert (path.parent / "model.txt").read_text() == f"{tmp_path / 'a.pt'}\n"


def test_lines_end_alike_on_windows(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "linesep", "\r\n")
    path = write_predictions(np.array([1]), torch.tensor([2]), "e", tmp_path / "a", val_accuracy=None, root=tmp_path)
    assert path.read_bytes() == b"ID,Label\n1,2\n"


@pytest.mark.parametrize("labels", [torch.tensor([2, 0], dtype=torch.int32), np.array([2, 0], np.uint8), [2, 0],
                                    torch.tensor([2.0, 0.0])], ids=str)
def test_labels_of_any_type_are_written_as_whole_numbers(tmp_path, labels):
    path = write_predictions(np.array([5, 6]), labels, "e", tmp_path / "a.pt", val_accuracy=None, root=tmp_path)
    assert path.read_text() == "ID,Label\n5,2\n6,0\n"


@pytest.mark.parametrize("labels, named", [(torch.zeros(3, dtype=torch.int64), r"shape \(3,\) for 2 ids"),
                                           (torch.tensor([0.5, 1]), "expected whole numbers"),
                                           (np.array(["cat", "dog"]), "expected whole numbers")])
def test_answers_that_are_no_labels_are_refused(tmp_path, labels, named):
    with pytest.raises(ValueError, match=named):
        write_predictions(np.array([5, 6]), labels, "e", tmp_path / "a.pt", val_accuracy=None, root=tmp_path)
    assert not list(tmp_path.iterdir())


def test_an_ensemble_has_members_that_know_the_same_classes():
    with pytest.raises(ValueError, match="models is empty"):
        predict_images(IMAGES, [], torch.device("cpu"))
    other = member(2)._replace(classes=tuple("qrstuvwxyz"))
    with pytest.raises(ValueError, match="models of different classes"):
        predict_images(IMAGES, [member(1), other], torch.device("cpu"))


def test_where_links_are_not_allowed_a_file_names_the_checkpoint(tmp_path, monkeypatch):
    def forbidden(*given):
        raise OSError("no links here")

    monkeypatch.setattr(os, "symlink", forbidden)
    path = write_predictions(np.array([1]), torch.tensor([2]), "s10", tmp_path / "a.pt", val_accuracy=0.5,
                             root=tmp_path)
    assert (path.parent / "model.txt").read_text() == f"{tmp_path / 'a.pt'}\n"
