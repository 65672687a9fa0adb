"""A real predictor on a real zoo: made, validated and measured again, and its code then changed."""

import os
import re
import shutil
import socket
import sys
from itertools import combinations

import pytest

from demogen.errors import SubmissionError
from leaderboard.results.origins import Again
from leaderboard.submissions import rerun, rerun_worker
from leaderboard.submissions.held_out import judged, score_on_held_out
from leaderboard.submissions.rerun import Sample, odds_of_finding, remeasure, worth_of_sample
from leaderboard.submissions.rerun_isolation import Limits, ProcessResult
from leaderboard.submissions.submitting import SubmissionRequest, submit
from leaderboard.submissions.validation import validate
from tests.leaderboard.submissions.changed import Changed

CODE = '''
import demogen

class TrainConfidence(demogen.Measure):
    """Mean logit of the label, and the mean initial weight: reads what is handed over."""

    name = "train-confidence"
    access = demogen.Access.TRAIN | demogen.Access.INITIAL

    def compute(self, network):
        train = network.train
        logits = network.module(train.images)
        chosen = logits.gather(1, train.labels[:, None])
        first = next(network.initial.parameters())
        return {"logit": float(chosen.mean()), "initial": float(first.double().abs().mean())}

MINE = demogen.Predictor("train-confidence", TrainConfidence(), paper="tests")
'''
COMPUTE = "        train = network.train\n"
FEW = Sample(networks=2, limits=Limits(seconds=100, memory=1000))


@pytest.fixture(scope="session")
def submitted(tiny_zoo_folder, tmp_path_factory):
    """An honest submission of a predictor in a file; not to be changed."""
    from demogen import load_zoo

    place = tmp_path_factory.mktemp("submitted")
    (place / "train_confidence.py").write_text(CODE)
    request = SubmissionRequest(
        f"{place}/train_confidence.py:MINE", ("A. Author",), splits=("kfold-10",)
    )
    path = list(sys.path)
    try:
        submit(request, load_zoo(tiny_zoo_folder), place / "mine", lambda line: None, cache=False)
    finally:
        sys.path[:] = path
    return place / "mine"


@pytest.fixture
def changed(submitted, tmp_path):
    """A copy with other code in it; its results are those of the honest one."""
    folder = tmp_path / "mine"
    shutil.copytree(submitted, folder)
    return Changed(folder, "train_confidence.py", CODE, COMPUTE)


def refused(made, zoo, sample=FEW):
    contents, _ = validate(made.folder, [zoo])
    with pytest.raises(SubmissionError) as error:
        remeasure(contents, [zoo], sample)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_an_honest_one_gives_its_signatures_again_and_reaches_nothing_meanwhile(
    changed, tiny_zoo, tmp_path, monkeypatch
):
    """In a real child, whose code looks around first and then does as the submitted one."""
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    (tmp_path / "hf").mkdir()
    (tmp_path / "hf/token").write_text("hf_secret")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    alone = can_leave()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        # To look around takes longer than to measure.
        changed.forge(lambda content: content.update(seconds=None, epochs=None))
        changed.body(LOOK_AROUND + (CALL_HOME.replace("PORT", str(port)) if alone else ""))
        contents, _ = validate(changed.folder, [tiny_zoo])
        assert contents.submission.code == "train_confidence.py"
        [again] = remeasure(contents, [tiny_zoo], FEW)
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()
    network = "without a network" if alone else "the system did not let it take away the network"
    assert again.report[0] == (
        "2 networks of tiny (seed 0) measured again give the signatures submitted; "
        f"{network}, with bounded memory"
    )
    assert again.report[2] == (
        "2 of 24 networks: forging 10 % of them (2) is found with odds 16 %, 50 % of them (12) 76 %"
    )
    assert (again.zoo_digest, again.again) == (tiny_zoo.digest, Again(networks=2, of=24))


LOOK_AROUND = """
        import os, torch, huggingface_hub
        assert huggingface_hub.get_token() is None, huggingface_hub.get_token()
        assert "HF_TOKEN" not in os.environ
        try:
            kept = [torch.ones(600 << 20, dtype=torch.uint8) for _ in range(2)]
        except RuntimeError as error:
            # In torch's own words it would be taken for one that ran out of memory.
            assert "can't allocate memory" in str(error), "torch says it in other words"
        else:
            raise AssertionError("memory is not bounded")
"""
CALL_HOME = """
        import socket
        try:
            socket.create_connection(("127.0.0.1", PORT), 5)
        except OSError as error:
            assert str(error) == "[Errno 101] Network is unreachable", error
        else:
            raise AssertionError("there is a network")
"""


@pytest.fixture
def in_process(monkeypatch):
    """The child's work done here, where torch is loaded; nothing is confined."""
    monkeypatch.setattr(rerun_worker, "leave_the_network", lambda: True)
    monkeypatch.setattr(rerun_worker, "limit_resources", lambda limits: True)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "train_confidence", raising=False)

    def run(arguments, folder, limits):
        reading, writing = os.pipe()
        rerun_worker.main(folder, writing)
        with os.fdopen(reading) as pipe:
            return ProcessResult(0, pipe.read())

    monkeypatch.setattr(rerun, "run_confined", run)
    yield
    sys.modules.pop("train_confidence", None)


def test_one_that_measures_something_else_is_refused(changed, tiny_zoo, in_process):
    changed.body(
        "        for parameter in network.module.parameters():\n            parameter.mul_(1.02)\n"
    )
    message = refused(changed, tiny_zoo)
    assert message.startswith("tiny@")
    assert "logit of nin-w" in message
    assert "is said to be" in message
    assert "but measured again it is" in message


@pytest.mark.parametrize("fault", ["MemoryError()", 'RuntimeError("can\'t allocate memory: 9")'])
def test_one_that_eats_memory_is_told(changed, tiny_zoo, in_process, fault):
    changed.body(f"        raise {fault}\n")
    assert refused(changed, tiny_zoo) == (
        "train-confidence: measured again on tiny, its code took more than 1000 MB of memory; "
        "give it more, or refuse it"
    )


def test_one_that_sleeps_is_told(submitted, tiny_zoo, monkeypatch):
    """A child that does not end is killed in test_rerun_isolation."""
    limited = []
    killed = ProcessResult(None, "")
    monkeypatch.setattr(rerun, "run_confined", lambda *given: limited.append(given[-1]) or killed)
    contents, _ = validate(submitted, [tiny_zoo])
    with pytest.raises(SubmissionError) as error:
        remeasure(contents, [tiny_zoo], Sample(2, 0, Limits(seconds=5)))
    assert str(error.value) == (
        "train-confidence: measured again on tiny, its code did not end within 5 seconds and was "
        "killed; give it more time, or refuse it"
    )
    assert limited == [Limits(seconds=5)]


def test_a_cost_that_is_made_up_is_refused(changed, tiny_zoo, in_process, monkeypatch):
    changed.body("        import time\n        time.sleep(0.05)\n")
    changed.forge(lambda content: content.update(seconds=1e-9, epochs=None))
    message = refused(changed, tiny_zoo)
    found = re.search(
        "it claims 1e-09 seconds a network, but measured again here no network takes less than "
        "([0-9.]+), more than 10 times as much",
        message,
    )
    assert found
    assert float(found[1]) >= 0.05


def test_a_zoo_held_out_is_measured_by_the_submitted_code(
    submitted, tiny_zoo, mlp_zoo_folder, in_process
):
    from demogen import load_zoo, measure

    contents, _ = validate(submitted, [tiny_zoo])
    zoo = load_zoo(mlp_zoo_folder)
    [score] = score_on_held_out(contents, zoo, Limits(seconds=100, memory=1000)).values()
    mine = sys.modules["train_confidence"].MINE
    signatures = measure(mine.measure, zoo, cache=False).to_dict("index")
    assert (score.networks, score.missing) == (len(zoo), 0)
    expected = judged(contents.results[0], contents.regressor, zoo, signatures)
    assert score.r2 == pytest.approx(expected.r2, rel=1e-6)


def test_odds_are_those_of_drawing_without_replacement():
    """Against counting all samples."""
    for networks, forged, sample in ((7, 2, 3), (8, 8, 1), (6, 0, 4), (9, 4, 9)):
        samples = list(combinations(range(networks), sample))
        found = sum(min(drawn) < forged for drawn in samples)
        assert odds_of_finding(networks, forged, sample) == pytest.approx(found / len(samples))


def test_certainty_is_said_only_where_it_is_certain():
    assert worth_of_sample(96, 96).endswith(
        "(10) is found with odds 100 %, 50 % of them (48) 100 %"
    )
    assert worth_of_sample(96, 30).endswith("50 % of them (48) 99 %")
    assert worth_of_sample(3, 1).startswith("1 of 3 networks: forging 10 % of them (1) is found")


def can_leave():
    import subprocess

    code = (
        "import sys; from leaderboard.submissions.rerun_isolation import leave_the_network as leave"
    )
    return subprocess.run([sys.executable, "-c", f"{code}; sys.exit(not leave())"]).returncode == 0
