"""What measuring would cost, against what it does, counted."""

import pytest
import torch

from baselines.margins import TapMargins
from baselines.transitions import Transitions
from demogen import Access, Measure, NotMeasurable, measure_all
from demogen.cli import main
from demogen.measuring import expected_cost
from demogen.measuring.expected_cost import cost_table, expected_costs, total
from demogen.measuring.passes import Passes
from demogen.networks.size import network_size


class Logits(Measure):
    """A forward pass over the test inputs; of one network it has no value."""

    name = "logits"
    access = Access.TEST_INPUTS
    cost = Passes(1)

    def __init__(self, without=""):
        self.without = without

    def compute(self, network):
        if network.id == self.without:
            raise NotMeasurable("not this one")
        return {"mean": float(network.module(network.test_inputs).mean())}


class Unsaid(Measure):
    name = "unsaid"

    def compute(self, network):
        return {"one": 1.0}


class NeverApplies(Unsaid):
    name = "never-applies"

    def applicable(self, module):
        return "never"


@pytest.fixture
def speed(monkeypatch):
    """A clock by which every pass takes two seconds."""
    ticks = iter(range(0, 10_000, 2))
    monkeypatch.setattr(expected_cost.time, "perf_counter", lambda: float(next(ticks)))


def forward(zoo, ids):
    return sum(network_size(zoo.record(id).spec).forward for id in ids)


def test_operations_are_those_of_all_passes(tiny_zoo):
    test = len(tiny_zoo.image_set("digits").test)
    margins, transitions, logits = expected_costs(
        [TapMargins(), Transitions(points_per_step=4, images=10), Logits()], tiny_zoo, False
    )
    assert margins.operations == 2 * 100 * forward(tiny_zoo, tiny_zoo.ids)
    # Four points on each of the eight steps of an image of eight columns, of ten images.
    assert transitions.operations == 4 * 8 * 10 * forward(tiny_zoo, tiny_zoo.ids)
    assert logits.operations == test * forward(tiny_zoo, tiny_zoo.ids)
    assert (margins.networks, margins.kept, margins.passes) == (24, 0, "1 forward + 1 backward")


def test_without_anything_kept_seconds_are_those_of_operations(tiny_zoo, speed):
    (cost,) = expected_costs([Logits()], tiny_zoo, False)
    first = network_size(tiny_zoo.record(tiny_zoo.ids[0]).spec).forward
    # 64 images in two seconds.
    assert cost.seconds == pytest.approx(cost.operations / (64 * first / 2))
    assert (cost.share, cost.by_kept) == (None, False)


def test_what_is_kept_tells_what_the_rest_takes(tiny_zoo, tmp_path):
    measures = [Logits(without=tiny_zoo.ids[0]), Unsaid()]
    part = tiny_zoo[:6]
    done = measure_all(measures, part, cache=tmp_path)
    for result, cost in zip(done, expected_costs(measures, tiny_zoo, tmp_path), strict=True):
        assert (cost.networks, cost.kept, cost.by_kept) == (18, 6, True)
        per_operation = sorted(
            result.seconds[id] / forward(tiny_zoo, [id]) for id in result.table.index
        )
        middle = len(per_operation) // 2
        low, high = per_operation[(len(per_operation) - 1) // 2], per_operation[middle]
        left = forward(tiny_zoo, tiny_zoo.ids[6:])
        assert cost.seconds == pytest.approx((low + high) / 2 * left, rel=1e-9)
        assert 0 < cost.share <= cost.seconds


def test_what_is_not_known_is_not_said(tiny_zoo):
    unsaid, never = expected_costs([Unsaid(), NeverApplies()], tiny_zoo, False)
    assert (unsaid.passes, unsaid.operations, unsaid.seconds) == ("not said", None, None)
    assert (never.networks, never.operations) == (0, 0)


def test_the_dearest_comes_first(tiny_zoo, speed):
    table = cost_table(expected_costs([Unsaid(), TapMargins(), Logits()], tiny_zoo, False))
    # One pass over 797 test inputs, two over 100 training images.
    assert list(table.index) == ["logits", "tap-margins", "unsaid"]
    assert table["seconds alone"].iloc[0] > table["seconds alone"].iloc[1]
    assert list(table["seconds by"]) == ["operations", "operations", ""]


def test_the_total_says_what_is_not_known(tiny_zoo, tmp_path, speed):
    measures = [Logits(), Unsaid()]
    costs = expected_costs(measures, tiny_zoo, tmp_path)
    assert (
        total(costs)
        == f"one process: {costs[0].seconds:.3g} s if each ran alone; not known: unsaid"
    )
    measure_all(measures, tiny_zoo[:6], cache=tmp_path)
    logits, unsaid = expected_costs(measures, tiny_zoo, tmp_path)
    together, alone = logits.share + unsaid.share, logits.seconds + unsaid.seconds
    expected = f"one process: {together:.3g} s together, {alone:.3g} s if each ran alone"
    assert total([logits, unsaid]) == expected


def test_a_dry_run_measures_nothing(tiny_zoo_folder, tmp_path, capsys):
    zoo = ["--zoo", str(tiny_zoo_folder), "--cache", str(tmp_path)]
    main(["measure", "margin-h1-log", "unit-sparsity", *zoo, "--dry-run", "--format", "csv"])
    out, err = capsys.readouterr()
    head, *rows = out.splitlines()
    assert head.startswith("measure,to measure,kept,seconds alone,")
    assert [row.split(",")[:3] for row in rows] == [
        ["tap-margins", "24", "0"],
        ["unit-sparsity", "24", "0"],
    ]
    assert "s if each ran alone; not known: unit-sparsity" in err
    assert not list(tmp_path.iterdir())


def test_torch_is_left_as_it_was(tiny_zoo):
    torch.manual_seed(3)
    expected_costs([Logits()], tiny_zoo, False)
    found = torch.rand(4)
    torch.manual_seed(3)
    assert torch.equal(found, torch.rand(4))


def test_a_sample_is_counted_with_its_groups(tiny_zoo):
    zoo = tiny_zoo[:2]
    (cost,) = expected_costs([Logits()], zoo, False, image_limit=40)
    assert cost.operations == 2 * 40 * forward(zoo, zoo.ids)
