"""Networks that other people's programs wrote: imported, published, loaded, with their logits."""

import json
import shutil

import numpy as np
import pytest
import torch

import baselines
from demogen import load_zoo
from demogen.hub import push
from demogen.measuring.measurements import measure_all
from tests.hub.state import WRITER
from tests.zoo_recipes.importing.foreign import FOLDER, at_hand
from zoo_recipes.importing import import_demogen, import_modelzoo, import_pgdl, import_smallcnn

pytestmark = [
    at_hand,
    pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning"),
]
pytest.importorskip("h5py")

TOLERANCE = 1e-5


@pytest.fixture
def published(hub):
    """A zoo as it comes back from a Hub; images are those beside the imported one."""

    def publish(zoo):
        zoo.verify()
        name = f"owner/{zoo.name}"
        push(zoo.storage.place, name, endpoint=hub.endpoint, token=WRITER, progress=False)
        images = zoo.storage.place.parent / "images"
        back = load_zoo(name, endpoint=hub.endpoint, images=images if images.is_dir() else None)
        back.verify()
        return {network.spec.origin.network: network for network in back}, back

    return publish


def deviation(found, known):
    found = found.double().numpy() if isinstance(found, torch.Tensor) else found
    return np.abs(found - known).max() / np.abs(known).max()


def images_of(nhwc):
    return torch.from_numpy(nhwc).permute(0, 3, 1, 2).contiguous()


def test_demogen(tmp_path, published):
    known = np.load(FOLDER / "demogen/logits.npz")
    inputs = images_of(known["inputs_nhwc"])
    found = import_demogen(FOLDER / "demogen", folder=tmp_path)
    assert [zoo.zoo.name for zoo in found] == ["nin-cifar10", "resnet32-cifar10"]
    for zoo, key in zip(found, ("nin_bn_dropout", "resnet_batch"), strict=True):
        (network,) = published(zoo.zoo)[0].values()
        logits, taps = network.module.forward_with_taps(inputs)
        assert deviation(logits, known[f"{key}_logits"]) < TOLERANCE
        for tap in ("h1", "h2", "h3"):
            norms = taps[tap].flatten(1).double().norm(dim=1)
            assert deviation(norms, known[f"{key}_{tap}_norms"]) < TOLERANCE
        assert zoo.zoo.table["test_cross_entropy"].tolist() == [0.3]
        assert network.spec.training.l2 == {"nin_bn_dropout": 0.001}.get(key, 0.02)
        assert (zoo.zoo.manifest.planned, len(zoo.zoo)) == (216, 1)


def test_standardized_images_are_theirs():
    from demogen.images.image_set import ImageSet, LabeledImages
    from demogen.schema.records import Data

    known = np.load(FOLDER / "demogen/logits.npz")
    pixels = images_of(known["images_u8"])
    part = LabeledImages(pixels, torch.zeros(len(pixels), dtype=torch.int64))
    inputs = ImageSet("cifar10", part, part).inputs(pixels, Data(images="cifar10"))
    assert deviation(inputs, known["inputs_nhwc"][16:].transpose(0, 3, 1, 2)) < TOLERANCE


def test_pgdl_toy_with_its_36_accuracies_and_every_predictor(tmp_path, published):
    known = np.load(FOLDER / "pgdl_toy/logits.npz")
    (found,) = import_pgdl(FOLDER / "pgdl_toy", folder=tmp_path)
    networks, zoo = published(found.zoo)
    assert len(networks) == 18
    inputs = torch.from_numpy(known["inputs"])[:, :, None, None]
    for name, network in networks.items():
        assert deviation(network.module(inputs), known[name]) < TOLERANCE
        first = next(network.initial.parameters()).T
        np.testing.assert_array_equal(first, known[f"{name}/initial_first"])
    table = zoo.table
    for part in ("train", "test"):
        stated, measured = table[f"stated_{part}_accuracy"], table[f"measured_{part}_accuracy"]
        assert (stated - measured).abs().max() < 1e-6
    assert set(table["num_units"]) == {64, 128, 256}
    assert set(table["activation_function"]) == {"relu", "tanh"}
    measures = list({repr(p.measure): p.measure for p in baselines.ALL}.values())
    for result in measure_all(measures, zoo, cache=tmp_path / "cache"):
        # Those that are not defined everywhere say so, those that compare copies too: the archive
        # holds one network of each configuration. Of the others every signature is there.
        reasons = ("not defined", "no other network of its configuration")
        undefined = {
            id: why for id, why in result.failures.items() if any(each in why for each in reasons)
        }
        transitions = result.name == "transitions"
        assert result.failures == undefined or transitions, result.failures
        assert len(result.table) + len(result.failures) == 18


def test_pgdl_made(tmp_path, published):
    known = np.load(FOLDER / "pgdl_made/logits.npz")
    task = shutil.copytree(FOLDER / "pgdl_made", tmp_path / "data/input_data/made")
    numbers = [path.name.removeprefix("model_") for path in task.glob("model_*")]
    entry = {"hparams": {}, "metrics": {"train_acc": 0.5, "test_acc": 0.25}}
    (task / "model_configs.json").write_text(json.dumps(dict.fromkeys(numbers, entry)))
    (found,) = import_pgdl(tmp_path / "data", "made", folder=tmp_path / "zoos")
    assert found.failed == {}
    for name, network in published(found.zoo)[0].items():
        logits = network.module(images_of(known[f"{name}_inputs"]))
        assert deviation(logits, known[f"{name}_logits"]) < TOLERANCE


def test_modelzoos(tmp_path, published):
    known = np.load(FOLDER / "modelzoos/logits.npz")
    archive = shutil.copytree(FOLDER / "modelzoos", tmp_path / "archive")
    for trial in archive.glob("*/*"):
        line = json.dumps({"train_acc": 0.5, "test_acc": 0.25, "test_loss": 1.5})
        (trial / "result.json").write_text(f"{line}\n" * 50)
    (found,) = import_modelzoo(archive, folder=tmp_path / "zoos")
    assert found.failed == {}
    sizes = set()
    for name, network in published(found.zoo)[0].items():
        key = str(int(name[-5:]))
        logits = network.module(torch.from_numpy(known[f"{key}/x"]))
        assert deviation(logits, known[f"{key}/logits"]) < TOLERANCE
        sizes.add(sum(p.numel() for p in network.module.parameters()))
    assert sizes == {2464, 2864, 10853}


def test_smallcnnzoo(tmp_path, published):
    known = np.load(FOLDER / "smallcnnzoo/logits.npz")
    (found,) = import_smallcnn(FOLDER / "smallcnnzoo", folder=tmp_path)
    for name, network in published(found.zoo)[0].items():
        logits = network.module(images_of(known[f"{name}/x"]))
        assert deviation(logits, known[f"{name}/logits"]) < TOLERANCE
    assert len(found.zoo) == 5
