"""The worker: alone in a process, with jobs that need no torch, and its parts in this one."""

import pytest
import torch

from demogen.errors import SubmissionError
from demogen.networks.network import Access
from leaderboard.submissions.rerun import run_job
from leaderboard.submissions.rerun_export import export_networks
from leaderboard.submissions.rerun_messages import Job
from leaderboard.submissions.rerun_worker import network_of


def test_a_network_read_from_its_files_is_the_network(tiny_zoo, tmp_path):
    id = tiny_zoo.ids[-1]
    original, every = tiny_zoo[id], ~Access.NONE
    read = network_of(export_networks(tiny_zoo, [id], every, tmp_path)[id], tmp_path)
    assert torch.equal(read.train.images, original.train.images)
    assert torch.equal(read.train.labels, original.train.labels)
    assert torch.equal(read.test_inputs, original.test_inputs)
    assert read.spec == original.spec
    for module, true in ((read.module, original.module), (read.initial, original.initial)):
        assert torch.equal(module(original.train.images[:5]), true(original.train.images[:5]))


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        ("numpy", "raise SystemExit(9)", "numpy.py is called as an installed module"),
        ("mine", "kept = bytearray(900 << 20)", "took more than 500 MB of memory"),
        ("mine", "import os; os._exit(7)", "who ended with exit code 7 and no answer"),
    ],
)
def test_code_that_fails_when_it_is_loaded_is_refused(tmp_path, name, code, message):
    # What loads before the code runs is not counted, and none of it is torch.
    (tmp_path / f"{name}.py").write_text(f"import sys; assert 'torch' not in sys.modules\n{code}")
    job = Job(predictor=f"{name}.py:MINE", seconds=60, memory=500, networks=())
    with pytest.raises(SubmissionError, match=message):
        run_job(job, tmp_path, "who")
