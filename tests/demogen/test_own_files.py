"""demogen fit and demogen predict, from files to lines."""

import importlib
import re
import sys
import textwrap

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from demogen import FittedPredictor, Network
from demogen.cli import main

NET = textwrap.dedent(
    """
    import torch
    from torch import nn
    from torch.utils.data import TensorDataset

    X = torch.randn(20, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    Y = torch.arange(20) % 10
    PAIR = X, Y
    NOTHING = 3

    def data():
        return TensorDataset(X, Y)

    def broken():
        raise KeyError("no such thing")

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.fc = nn.Conv2d(1, 4, 3), nn.Linear(144, 10)

        def forward(self, x):
            return self.fc(torch.relu_(self.conv(x)).flatten(1))
    """
)


@pytest.fixture(scope="module")
def folder(tiny_zoo_folder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    (folder / "own_net.py").write_text(NET)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        own_net = importlib.import_module("own_net")
    main(["fit", "product-norm", str(folder / "fitted.json"), "--zoo", str(tiny_zoo_folder)])
    torch.manual_seed(0)
    for name in ("a", "b"):
        save_file(own_net.Net().state_dict(), folder / f"{name}.safetensors")
    wrapped = {f"module.{name}": values for name, values in own_net.Net().state_dict().items()}
    save_file(wrapped, folder / "wrapped.safetensors")
    save_file(nn.Linear(2, 2).state_dict(), folder / "other.safetensors")
    yield folder
    del sys.modules["own_net"]


@pytest.fixture
def here(folder, monkeypatch):
    monkeypatch.chdir(folder)
    return sys.modules["own_net"]


def run(*arguments, capsys):
    main(["predict", *arguments])
    return capsys.readouterr().out.splitlines()


def test_each_file_of_weights_is_a_line(here, capsys):
    arguments = ["fitted.json", "a.safetensors", "b.safetensors", "--network", "own_net.py:Net"]
    lines = run(*arguments, "--train", "own_net.py:data", "--level", "0.8", capsys=capsys)
    fitted = FittedPredictor.load("fitted.json")
    assert lines[0] == f"product-norm fitted to tiny: {fitted.coverage(0.8)}"
    for name, line in zip(("a", "b"), lines[1:], strict=True):
        module = here.Net()
        module.load_state_dict(load_file(f"{name}.safetensors"))
        with pytest.warns(RuntimeWarning, match="lies outside what product-norm was fitted to"):
            expected = fitted.predict(Network.of(module, here.X, here.Y), 0.8)
        assert line == f"{name}.safetensors: {expected}"
    assert "; log_product_norm is " in lines[1]
    assert run(*arguments, "--train", "own_net:PAIR", "--level", "0.8", capsys=capsys) == lines


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fitted": "none.json"}, "there is no file none.json; `demogen fit` writes"),
        ({"weights": "none.safetensors"}, "none.safetensors: No such file"),
        ({"weights": "own_net.py"}, "own_net.py is no safetensors file .*save_file"),
        ({"weights": "other.safetensors"}, "other.safetensors does not fit .*Missing key"),
        ({"weights": "wrapped.safetensors"}, "begin with 'module.', .*`network.module.state_dict"),
        ({"--network": "own_net.py:Nte"}, "no attribute for own_net.py:Nte 'Nte'.*Net"),
        ({"--network": "own_net.py"}, "is no file.py:ATTRIBUTE and no module:ATTRIBUTE"),
        ({"--network": "nowhere.py:Net"}, "there is no file nowhere.py"),
        ({"--network": "own_net.py:broken"}, "is not made: KeyError"),
        ({"--network": "own_net.py:data"}, "makes a TensorDataset, no torch.nn.Module"),
        ({"--train": "own_net.py:NOTHING"}, "is a int; give a Dataset"),
        ({"--level": "0.99"}, "too few for 99% intervals"),
        ({"--device": "gpu"}, "no device 'gpu': give cpu"),
        ({"--device": "cuda:99"}, r"no device 'cuda:99' here \(.*\): give cpu"),
        ({"--level": "1.5"}, "lies between 0 and 1"),
    ],
)
def test_what_is_wrong_is_one_line(here, capsys, change, message):
    given = {
        "fitted": "fitted.json",
        "weights": "a.safetensors",
        "--network": "own_net.py:Net",
        "--train": "own_net.py:data",
    } | change
    options = [part for name in given if name.startswith("--") for part in (name, given[name])]
    with pytest.raises(SystemExit) as left:
        main(["predict", given["fitted"], given["weights"], *options])
    assert left.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert re.search(message, error), error
