"""docs/own-networks.md: its examples print what it shows, and parts of its table are made again."""

import contextlib
import io
import re
import warnings

import pytest

import demogen
from demogen import Network, list_predictors, load_zoo
from tests.model_zoos import MODELS, PAGE, logits_of

TEXT = PAGE.read_text()
BLOCKS = re.findall(r"```python\n(.*?)```(?:\n\n```text\n(.*?)```)?", TEXT, re.DOTALL)


def test_examples_print_what_the_page_shows(tiny_zoo_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "__main__"}
    for code, shown in BLOCKS[:2]:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, PAGE.name, "exec"), names)
        assert printed.getvalue() == shown
    ((code, _),) = BLOCKS[2:]
    names |= {"zoo": load_zoo(tiny_zoo_folder)}
    printed = io.StringIO()
    # Another predictor: 20 columns are too many for 24 networks.
    code = code.replace("margin-quartiles-log", "product-norm")
    with contextlib.redirect_stdout(printed), warnings_of_a_small_zoo():
        exec(compile(code, PAGE.name, "exec"), names)
    fitted, prediction = printed.getvalue().splitlines()
    assert re.fullmatch(r"product-norm on tiny .* lay in their 90% intervals", fitted)
    assert re.match(r"gap -?\d\.\d{4}, 90% interval -?\d\.\d{4} to -?\d\.\d{4}", prediction)
    assert (tmp_path / "fitted.json").is_file()


@contextlib.contextmanager
def warnings_of_a_small_zoo():
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*lies outside what", RuntimeWarning)
        yield


def rows():
    """Predictor → network → cell of the table."""
    table = TEXT[TEXT.index("<!-- networks -->") :]
    lines = [line.strip("| \n").split(" | ") for line in table.splitlines() if "|" in line]
    head, _, *body = lines
    return {
        name: dict(zip(head[1:], cells, strict=True))
        for names, *cells in body
        for name in re.findall(r"`([^`]+)`", names)
    }


def reasons():
    table = TEXT[TEXT.index("<!-- networks -->") : TEXT.index("<!-- /networks -->")]
    return re.findall(r"^\d+\. (.*)$", table, re.MULTILINE)


def test_the_table_has_every_predictor_and_network_and_each_refusal_a_reason():
    assert set(rows()) == set(list_predictors())
    for cells in rows().values():
        assert set(cells) == set(map(str, MODELS))
        for cell in cells.values():
            assert cell == "yes" or reasons()[int(cell.removeprefix("no (").rstrip(")")) - 1]


def test_cells_of_two_networks_are_as_the_table_says():
    for name in ("torchvision resnet18", "transformers ViTForImageClassification"):
        (model,) = (model for model in MODELS if str(model) == name)
        module, x = model.build(), model.images(4, 32)
        network = Network.of(module, x, logits_of(module, x).argmax(1), initial=module)
        for predictor in ("margin-h3-log", "unit-sparsity", "product-norm", "train-loss"):
            cell = rows()[predictor][name]
            chosen = demogen.get_predictor(predictor)
            if cell == "yes":
                assert demogen.measure(chosen, network)
                continue
            with pytest.raises(demogen.NotMeasurable) as refusal:
                demogen.measure(chosen, network)
            assert str(refusal.value).endswith(reasons()[int(cell[4:-1]) - 1])
