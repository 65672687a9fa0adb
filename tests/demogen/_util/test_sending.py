import importlib
import sys
import threading
from pathlib import Path

import pytest

from demogen._util import sending
from demogen.errors import DemogenError


def test_what_no_module_holds_is_sent_by_value():
    class Scaled:
        def __init__(self, factor):
            self.factor = factor

        def __call__(self, value):
            return self.factor * value

    assert sending.run(sending.packed(lambda scaled, value: scaled(value), Scaled(3), 4)) == 12


def test_what_cannot_be_sent_is_one_line_with_the_remedy(tmp_path):
    with (
        (tmp_path / "open").open("w") as file,
        pytest.raises(DemogenError, match=r"^what is to be done cannot be sent .*workers 1") as e,
    ):
        sending.packed(print, file)
    assert "\n" not in str(e.value)


def test_what_is_to_be_sent_is_named_in_the_line():
    message = r"^the measure own-counts cannot be sent to worker processes \(.*lock.*--workers 1"
    with pytest.raises(DemogenError, match=message):
        sending.check_can_send(threading.Lock(), "the measure own-counts")


def test_code_that_a_worker_lacks_is_one_line_with_the_remedy(monkeypatch, tmp_path):
    (tmp_path / "only_here.py").write_text("def double(value):\n    return 2 * value\n")
    monkeypatch.syspath_prepend(tmp_path)
    content = sending.packed(importlib.import_module("only_here").double, 2)
    assert sending.run(content) == 4
    monkeypatch.delitem(sys.modules, "only_here")
    (tmp_path / "only_here.py").unlink()
    importlib.invalidate_caches()
    with pytest.raises(DemogenError, match=r"^a task needs .*only_here.*install it on every node"):
        sending.run(content)


def test_settings_of_the_environment_go_along_with_whole_paths(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name in sending.PASSED_ON:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DEMOGEN_IMAGES", "images")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    assert sending.environment() == {
        "DEMOGEN_IMAGES": str(Path(tmp_path, "images")),
        "HF_ENDPOINT": "http://127.0.0.1:1",
    }


def test_the_main_module_is_back_afterwards():
    before = sys.modules["__main__"]
    with sending.without_main_module():
        assert not hasattr(sys.modules["__main__"], "__file__")
    assert sys.modules["__main__"] is before
