import pytest

from demogen import Measure, get_predictor, measure_all
from demogen.measuring.work import Work


class Ends(Measure):
    """Ends Python, or is interrupted."""

    name = "ends"

    def __init__(self, interrupted=False):
        self.interrupted = interrupted

    def compute(self, network):
        raise KeyboardInterrupt if self.interrupted else SystemExit("no licence\nfound")


COUNT = get_predictor("parameter-count").measure


def test_what_an_interrupted_network_has_is_kept(tiny_zoo, tmp_path):
    measures = [COUNT, Ends(interrupted=True)]
    with pytest.raises(KeyboardInterrupt):
        measure_all(measures, tiny_zoo, cache=tmp_path)
    work = Work.of(measures, tiny_zoo, tmp_path)
    first = tiny_zoo.ids[0]
    assert list(work.known) == [(work.keys[0], first)]
    assert work.missing == {id: work.keys[1:] if id == first else work.keys for id in tiny_zoo.ids}


def test_a_measure_that_ends_python_fails_alone(tiny_zoo):
    ends, counts = measure_all([Ends(), COUNT], tiny_zoo, cache=False)
    assert len(counts.table) == len(ends.failures) == 24
    assert min(ends.failures.values()).endswith("SystemExit: no licence found")
