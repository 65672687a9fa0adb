"""Networks of torchvision, timm and transformers in their sizes; no weights are downloaded.

The table of docs/own-networks.md. To write it anew: .venv/bin/python -m tests.soak.test_model_zoos
"""

import pytest
import torch

from demogen import Network, TappedModule
from leaderboard.pages.markers import between_marks
from tests.model_zoos import MODELS, PAGE, logits_of, table, verdicts


def made():
    found = {}
    for model in MODELS:
        module, x = model.build(**model.small), model.images(2, 32)
        labels = logits_of(module, x).argmax(1)
        initial = model.build(**model.small, seed=2)
        network = Network.of(module, x, labels, initial=initial, test_inputs=x, siblings=[initial])
        found[str(model)] = verdicts(network)
    return table(found)


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_all_give_their_logits_in_stages_with_three_taps(model):
    module, x = model.build(), model.images(2)
    staged = TappedModule.from_module(module, x)
    assert staged.why_whole is None
    assert staged.taps == ("input", "h1", "h2", "h3")
    with torch.no_grad():
        assert torch.equal(staged(x), logits_of(module, x))


def test_the_table_in_the_docs_is_as_made_here():
    pytest.importorskip("timm")
    pytest.importorskip("transformers")
    text = PAGE.read_text()
    assert between_marks(text, "networks", made()) == text


if __name__ == "__main__":
    PAGE.write_text(between_marks(PAGE.read_text(), "networks", made()))
