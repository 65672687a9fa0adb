"""Networks of torchvision, timm and transformers in their sizes; no weights are downloaded.

The table of docs/own-networks.md. To write it anew: .venv/bin/python -m tests.soak.test_model_zoos
"""

import pytest
import torch

from demogen import Network
from leaderboard.pages.markers import between_marks
from tests.model_zoos import MODELS, PAGE, logits_of, table, verdicts


def networks():
    """Each as it is measured for the table, one after the other."""
    for model in MODELS:
        module, x = model.build(), model.images(2 if model.size > 100 else 4)
        labels = logits_of(module, x).argmax(1)
        yield model, module, x, Network.of(module, x, labels, initial=module, test_inputs=x)


def made():
    return table({str(model): verdicts(network) for model, _, _, network in networks()})


def test_all_give_their_logits_in_stages_with_three_taps():
    for model, module, x, network in networks():
        assert network.module.why_whole is None, model
        assert network.module.taps == ("input", "h1", "h2", "h3"), model
        with torch.no_grad():
            assert torch.equal(network.module(x), logits_of(module, x)), model


def test_the_table_in_the_docs_is_as_made_here():
    pytest.importorskip("timm")
    pytest.importorskip("transformers")
    text = PAGE.read_text()
    assert between_marks(text, "networks", made()) == text


if __name__ == "__main__":
    PAGE.write_text(between_marks(PAGE.read_text(), "networks", made()))
