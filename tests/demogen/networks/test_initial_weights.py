import os
import subprocess
import sys

import pytest
import torch

from demogen import ZooError, load_zoo
from demogen.networks import architectures, initial_weights
from demogen.networks.golden_logits import probe_logits
from demogen.networks.initial_weights import check_drawn_again
from demogen.schema.records import MLP, Data, NetworkSpec, Training

SPEC = NetworkSpec(
    architecture=MLP(family="mlp", width=20, depth=3),
    data=Data(images="digits"),
    training=Training(),
    seed=11,
)
SHAPE = (1, 8, 8)


def moved(by):
    """The initial network with every weight moved by a relative amount."""
    module = architectures.build(SPEC)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.mul_(1 + by * torch.randn(parameter.shape, generator=generator))
    return module


def recorded():
    return probe_logits(architectures.build(SPEC), SHAPE).tolist()


def test_rounding_of_another_processor_is_allowed_and_other_draws_are_not():
    check_drawn_again(moved(2e-6), SHAPE, recorded(), "n")
    with pytest.raises(
        ZooError, match=r"of network n, made again from the seed, give other logits"
    ):
        check_drawn_again(moved(1e-2), SHAPE, recorded(), "network n")
    other = architectures.build(SPEC.model_copy(update={"seed": 12}))
    with pytest.raises(ZooError, match="give other logits"):
        check_drawn_again(other, SHAPE, recorded(), "n")


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (0.0, "are not those it was trained from;"),  # this torch's bits are those of the zoo
        (2e-7, None),
        (1e-3, "for this torch draws other numbers from a seed"),
    ],
)
def test_without_recorded_logits_known_draws_decide(monkeypatch, change, fault):
    known = torch.tensor(initial_weights._DRAWN)
    monkeypatch.setattr(initial_weights, "_draws", lambda: known * (1 + change))
    if fault is None:
        check_drawn_again(moved(1e-6), SHAPE, None, "n")
    else:
        with pytest.raises(ZooError, match=fault):
            check_drawn_again(moved(1e-6), SHAPE, None, "n")


def test_this_torch_draws_the_known_numbers():
    assert initial_weights._difference() <= initial_weights.TOLERANCE


@pytest.mark.skipif(
    torch.backends.cpu.get_cpu_capability() == "DEFAULT", reason="the processor has no AVX2"
)
@pytest.mark.parametrize("has_logits", [True, False])
def test_a_processor_without_avx2_draws_the_initial_weights_again(mlp_zoo_folder, has_logits):
    # Kernels are chosen when torch starts, so it takes another process.
    code = (
        "from pathlib import Path; import sys, torch\n"
        "from demogen import load_zoo\n"
        "from demogen.zoo.weights import to_bytes\n"
        "from demogen.schema.records import sha256\n"
        "assert torch.backends.cpu.get_cpu_capability() == 'DEFAULT'\n"
        "zoo = load_zoo(sys.argv[1])\n"
        "if not int(sys.argv[2]): zoo.__dict__['_initial_logits'] = {}\n"
        "id = zoo.ids[0]\n"
        "initial = zoo[id].initial\n"
        "assert sha256(to_bytes(initial.state_dict())) != zoo.record(id).initial_sha256\n"
    )
    environment = {**os.environ, "ATEN_CPU_CAPABILITY": "default"}
    command = [sys.executable, "-c", code, str(mlp_zoo_folder), str(int(has_logits))]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr


def test_runs_record_the_logits_of_the_initial_network(mlp_zoo_folder):
    zoo = load_zoo(mlp_zoo_folder)
    id = zoo.ids[1]
    module = architectures.build(zoo.record(id).spec)
    assert zoo._initial_logits[id] == probe_logits(module, SHAPE).double().tolist()
    assert "runs.parquet" not in zoo.manifest.files


def test_a_zoo_without_runs_is_read_as_before(copied_zoo_folder):
    (copied_zoo_folder / "runs.parquet").unlink()
    zoo = load_zoo(copied_zoo_folder)
    assert zoo._initial_logits == {}
    (copied_zoo_folder / "runs.parquet").write_bytes(b"PAR1 broken")
    assert load_zoo(copied_zoo_folder)._initial_logits == {}
    assert zoo[zoo.ids[0]].initial is not None


def test_initial_weights_that_the_zoo_was_not_trained_from_are_refused(tiny_zoo, monkeypatch):
    network = tiny_zoo[tiny_zoo.ids[0]]
    spec = network.spec.model_copy(update={"seed": network.spec.seed + 1})
    other = architectures.build(spec)
    monkeypatch.setattr(architectures, "build", lambda _: other)
    with pytest.raises(ZooError, match=f"{network.id} of .* give other logits .* runs.parquet"):
        _ = network.initial
