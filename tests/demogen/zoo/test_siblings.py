"""The other networks of a configuration, which a measure may compare a network with."""

import pytest
import torch

from baselines.disagreement import Disagreement
from demogen import measure
from demogen.errors import NotMeasurable, ZooError
from demogen.measuring.measurements import measure_all
from demogen.networks.network import Access


def test_a_network_of_a_zoo_knows_its_copies(tiny_zoo):
    configuration = tiny_zoo.table["configuration"]
    for id in tiny_zoo.ids[:4]:
        alike = [each for each in tiny_zoo.ids if configuration[each] == configuration[id]]
        assert [record.id for record in tiny_zoo.siblings(id)] == [
            each for each in alike if each != id
        ]
    network = tiny_zoo[tiny_zoo.ids[0]]
    [sibling] = network.siblings
    expected = tiny_zoo[tiny_zoo.siblings(network.id)[0].id].module
    inputs = network.test_inputs[:5]
    assert torch.equal(sibling(inputs), expected(inputs))
    assert not torch.equal(sibling(inputs), network.module(inputs))


def test_a_part_has_the_copies_of_its_whole_zoo(tiny_zoo, tmp_path):
    first = tiny_zoo[:1]
    id = first.ids[0]
    assert first.siblings(id) == tiny_zoo.siblings(id)
    with pytest.raises(ZooError, match="no network in"):
        first.siblings(tiny_zoo.ids[1])
    of_part, of_whole = (
        measure_all([Disagreement()], zoo, cache=False)[0].table.loc[id, "disagreement"]
        for zoo in (first, tiny_zoo[:2])
    )
    assert of_part == of_whole


def test_disagreement_is_the_same_seen_from_either_of_two_copies(tiny_zoo):
    id = tiny_zoo.ids[0]
    other = tiny_zoo.siblings(id)[0].id
    first, second = (measure(Disagreement(), tiny_zoo[each]) for each in (id, other))
    inputs = tiny_zoo[id].test_inputs
    own, others = (tiny_zoo[each].module(inputs).argmax(1) for each in (id, other))
    assert first == second == {"disagreement": float((own != others).double().mean())}


def test_a_network_without_a_copy_has_none(tiny_zoo, monkeypatch):
    monkeypatch.setitem(tiny_zoo._siblings, tiny_zoo.ids[0], [])
    network = tiny_zoo[tiny_zoo.ids[0]]
    assert Access.SIBLINGS in network.missing
    with pytest.raises(NotMeasurable, match="its zoo holds no other network of its configuration"):
        measure(Disagreement(), network)
