import collections
import copy
import functools
import random
import re
import sys
import types

import cloudpickle
import numpy as np
import pytest
import torch
from sklearn.base import clone

from demogen import Measure, get_predictor, list_predictors, measure, measure_all
from demogen.measuring.code_digest import NotDigestibleError, code_digest

CELL = """
from demogen import Measure

def helper(x):
    return x + 1

def outer(x):
    return helper(x)

SCALE = 2.0
TABLE = {"a": (1, 2)}

def make(shift):
    class Cell(Measure):
        name = "cell"
        power = 3

        def compute(self, network):
            return {"x": outer(SCALE) * self.power + shift + TABLE["a"][0]}

    return Cell()

made = make(0.5)
"""


def run(cell, name="__main__"):
    """A cell of a notebook: no file, and no source that could be found."""
    namespace = {"__name__": name}
    exec(compile(cell, "<ipython-input-3>", "exec"), namespace)
    return namespace


def test_all_that_a_measure_of_a_notebook_refers_to_counts():
    first = code_digest(run(CELL)["made"])
    assert code_digest(run(CELL)["made"]) == first
    edits = ["x + 1", "return helper(x)", "2.0", "(1, 2)", "power = 3", "shift +", "make(0.5)"]
    others = [
        "x + 2",
        "return helper(2 * x)",
        "2.5",
        "(3, 2)",
        "power = 4",
        "2 * shift +",
        "make(0.25)",
    ]
    digests = {
        code_digest(run(CELL.replace(old, new))["made"])
        for old, new in zip(edits, others, strict=True)
    }
    assert len(digests | {first}) == 8


def test_values_that_change_as_a_session_goes_on_count():
    cell = run(CELL)
    digests = [code_digest(cell["made"])]
    cell["SCALE"] = 3.0
    digests.append(code_digest(cell["made"]))
    cell["TABLE"]["a"] = (5, 5)
    digests.append(code_digest(cell["made"]))
    type(cell["made"]).power = 7
    digests.append(code_digest(cell["made"]))
    cell["made"].extra = np.arange(3)
    digests.append(code_digest(cell["made"]))
    cell["made"].extra[1] = 9
    digests.append(code_digest(cell["made"]))
    assert len(set(digests)) == len(digests)


def test_an_edited_cell_is_measured_again(tiny_zoo, tmp_path):
    values = []
    for constant in ("2.0", "2.5"):
        table = measure(run(CELL.replace("2.0", constant))["made"], tiny_zoo, cache=tmp_path)
        values.append(table["x"].iloc[0])
    assert values == [10.5, 12.0]


def test_helpers_in_modules_beside_count(monkeypatch):
    digests = []
    for constant in (1, 2):
        beside = types.ModuleType("beside_helpers")
        exec(f"K = {constant}\ndef f(x):\n    return K * x", beside.__dict__)
        monkeypatch.setitem(sys.modules, "beside_helpers", beside)
        top = "import beside_helpers\n" + CELL.replace("x + 1", "beside_helpers.f(x)")
        late = CELL.replace("return x + 1", "from beside_helpers import f; return f(x)")
        digests += [code_digest(run(cell)["made"]) for cell in (top, late)]
    assert len(set(digests)) == 4


class Holds(Measure):
    name = "holds"

    def __init__(self, value=None):
        self.value = value

    def compute(self, network):
        return {"x": 1.0}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (np.zeros(5000), np.r_[np.zeros(2500), 1e-9, np.zeros(2499)]),
        (torch.zeros(5000), torch.zeros(5000).index_fill(0, torch.tensor([2500]), 1.0)),
        (torch.zeros(2, 3), torch.zeros(3, 2)),
        ({1, 2}, {1, 3}),
        ({"a": 1}, {"a": 2}),
        (lambda x: x + 1, lambda x: x + 2),
        (functools.partial(max, 1), functools.partial(max, 2)),
        (functools.lru_cache(lambda: 1), functools.lru_cache(lambda: 2)),
        (torch.no_grad()(lambda: 1), torch.no_grad()(lambda: 2)),
        (re.compile("a"), re.compile("b")),
        (1, 1.0),
        (1, True),
        (torch.relu, torch.tanh),
        (np.exp, np.log),
    ],
)
def test_values_tell_apart_what_differs(one, other):
    assert code_digest(Holds(one)) == code_digest(Holds(one)) != code_digest(Holds(other))


@pytest.mark.parametrize("value", [random.Random(0), np.random.default_rng(0), iter([1])])
def test_what_cannot_be_followed_is_refused(value):
    with pytest.raises(NotDigestibleError, match="value"):
        code_digest(Holds(value))


def test_a_measure_that_was_used_has_the_key_it_had(tiny_zoo):
    class Used(Measure):
        name = "used"
        kinds = (collections.OrderedDict, Holds)

        def compute(self, network):
            return {"x": float(len(self.kinds))}

    before = code_digest(Used())
    copy.copy(Used()), copy.deepcopy(Used()), cloudpickle.dumps(Used()), clone(Used())
    hash(Used()), repr(Used()), Used().get_params()
    measure_all([Used()], tiny_zoo[:2], cache=False, workers=2)
    assert code_digest(Used()) == before


class ReadsFiles(Measure):
    name = "reads-files"

    def compute(self, network):
        return {"x": float(np.loadtxt("x.txt"))}


class NamesGlobals(Measure):
    name = "names-globals"

    def compute(self, network):
        return {"x": globals()["X"]}


@pytest.mark.parametrize(("measure", "name"), [(ReadsFiles, "loadtxt"), (NamesGlobals, "globals")])
def test_code_that_reads_what_may_change_is_refused(measure, name):
    with pytest.raises(NotDigestibleError, match=f"what .*compute reads by '{name}'"):
        code_digest(measure())


def test_what_is_not_kept_is_measured_and_told_of_in_one_line(tiny_zoo, tmp_path):
    cell = run("import random\nRNG = random.Random(0)\n" + CELL.replace("x + 1", "RNG.random()"))
    for _ in range(2):
        with pytest.warns(RuntimeWarning, match=r"not kept: cell \(RNG in __main__") as told:
            table = measure_all([cell["made"]], tiny_zoo, cache=tmp_path)[0].table
        assert len([one for one in told if "not kept" in str(one.message)]) == 1
        assert table["x"].nunique() == 24
    assert not list(tmp_path.iterdir())


def test_all_baselines_can_be_kept():
    for name in list_predictors():
        assert re.fullmatch("[0-9a-f]{64}", code_digest(get_predictor(name).measure))
