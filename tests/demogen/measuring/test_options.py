import inspect
import re

import pytest

import demogen
import leaderboard
from demogen.measuring import MeasuringOptions
from demogen.networks.size import network_size


@pytest.fixture
def count():
    return demogen.get_predictor("parameter-count")


def test_they_are_the_keywords_of_measure_all():
    parameters = inspect.signature(demogen.measure_all).parameters.values()
    keywords = {p.name: p.annotation for p in parameters if p.kind is p.KEYWORD_ONLY}
    assert keywords == MeasuringOptions.__annotations__
    assert MeasuringOptions.__optional_keys__ == keywords.keys()


def test_the_docstring_gives_each_option_and_its_default():
    attributes = re.findall(
        r"^ {4}(\w+): (.+(?:\n {8}.+)*)", inspect.getdoc(MeasuringOptions), re.M
    )
    assert [name for name, _ in attributes] == list(MeasuringOptions.__annotations__)
    parameters = inspect.signature(demogen.measure_all).parameters
    for name, text in attributes:
        default = parameters[name].default
        shown = f'"{default}"' if isinstance(default, str) else str(default)
        assert f"default {shown}" in " ".join(text.split())


def test_a_misspelt_option_is_refused_by_every_function_that_measures(tiny_zoo, count):
    for call in (
        lambda: demogen.measure(count, tiny_zoo, worker=2),
        lambda: demogen.measure_all([count.measure], tiny_zoo, worker=2),
        lambda: leaderboard.evaluate(count, tiny_zoo, worker=2),
        lambda: leaderboard.benchmark([count], tiny_zoo, worker=2),
    ):
        with pytest.raises(TypeError, match="unexpected keyword argument 'worker'"):
            call()


def test_a_single_network_takes_no_option(tiny_zoo, count):
    network = tiny_zoo[tiny_zoo.ids[0]]
    with pytest.raises(TypeError, match="a single network takes no options, and got 'device'"):
        demogen.measure(count, network, device="cuda")


def test_measure_hands_every_option_on(tiny_zoo, count, monkeypatch):
    calls, order = [], []

    def map_tasks(function, tasks, **options):
        calls.append((len(tasks), tasks[0].batch_size, options))
        order.extend(network_size(tiny_zoo.record(task.id).spec).forward for task in tasks)
        raise RuntimeError("reached")

    monkeypatch.setattr("demogen.measuring.measurements.map_tasks", map_tasks)
    with pytest.raises(RuntimeError, match="reached"):
        demogen.measure(count, tiny_zoo, ray="auto", batch_size=8, cache=False)
    assert calls == [(24, 8, {"workers": 1, "ray": "auto"})]
    assert order == sorted(order, reverse=True)
    assert order[0] > order[-1]
