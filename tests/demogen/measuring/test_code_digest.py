import collections
import copy
import functools
import importlib
import random
import re
import sys
import types
from typing import NamedTuple

import cloudpickle
import numpy as np
import pytest
import torch
from sklearn.base import clone

from demogen import Measure, get_predictor, list_predictors, measure, measure_all
from demogen.measuring.code_digest import NotDigestibleError, code_digest, value_digest
from demogen.measuring.libraries import sources_digest

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


class Scale(NamedTuple):
    by: float

    def apply(self, x):
        return self.by * x


class Steps(list):
    scale = 1.0


def test_what_a_collection_of_ones_own_adds_counts(monkeypatch):
    named, steps = Holds(Scale(2.0)), Holds(Steps([1]))
    before = [code_digest(named), code_digest(steps)]
    monkeypatch.setattr(Scale, "apply", lambda self, x: 3 * self.by * x)
    monkeypatch.setattr(Steps, "scale", 2.0)
    after = [code_digest(named), code_digest(steps)]
    assert all(one != other for one, other in zip(before, after, strict=True))
    steps.value.more = 1
    assert code_digest(steps) != after[1]


@pytest.mark.parametrize(
    "reading",
    [
        "from numpy import loadtxt as read\ndef made(x): return x + read('x.txt')",
        "import importlib\ndef made(x): return importlib.import_module('own').f(x)",
        "import pandas\ndef made(x): return x + pandas.read_pickle('x.pkl')",
    ],
)
def test_whatever_name_code_reads_by_is_refused(reading):
    with pytest.raises(NotDigestibleError, match="what .* reads"):
        code_digest(Holds(run(reading)["made"]))


@pytest.fixture
def own(monkeypatch, tmp_path):
    """Writes modules of one's own, and gives the digest of an object in a fresh import of one."""

    def forget(file):
        path = tmp_path / file
        for name in (path.stem, path.parent.name, f"{path.parent.name}.{path.stem}"):
            sys.modules.pop(name, None)
        sources_digest.cache_clear()

    def own(sources, name):
        for file, text in sources.items():
            path = tmp_path / file
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
            monkeypatch.syspath_prepend(path.parent)
            written.add(file)
            forget(file)
        module, _, attribute = name.partition(":")
        return value_digest(getattr(importlib.import_module(module), attribute), "it")

    written = set()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield own
    for file in written:
        forget(file)


@pytest.mark.parametrize(
    ("files", "name"),
    [
        # A package that a function imports a part of as it runs.
        (
            {
                "lazy_own/__init__.py": "def f(x):\n    from lazy_own import part\n"
                "    return part.g(x)\n",
                "lazy_own/part.py": "def g(x):\n    return x * 1\n",
            },
            "lazy_own:f",
        ),
        # A file called as a module that Python has on other systems.
        ({"winsound.py": "def f(x):\n    return x * 1\n"}, "winsound:f"),
        # A package installed again under the version it had.
        ({"site-packages/again_own.py": "def f(x):\n    return x * 1\n"}, "again_own:f"),
        # A global that the code sets itself.
        ({"first_own.py": "K = 0 * 1\ndef f(x):\n    global K\n    K += x\n"}, "first_own:f"),
    ],
)
def test_code_that_has_no_version_counts_wherever_it_lies(own, files, name):
    before = own(files, name)
    assert own(files, name) == before
    assert own({file: text.replace("* 1", "+ 22") for file, text in files.items()}, name) != before


def test_what_a_class_starts_from_counts_though_its_methods_set_it():
    class Sets:
        k = 1

        def fit(self):
            self.k = 2

    before = value_digest(Sets(), "it")
    Sets.k = 3
    assert value_digest(Sets(), "it") != before


def test_what_is_nested_too_deep_is_refused():
    nested = []
    for _ in range(3000):
        nested = [nested]
    with pytest.raises(NotDigestibleError, match="too deep"):
        code_digest(Holds(nested))
