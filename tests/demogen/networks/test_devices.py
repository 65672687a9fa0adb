import pytest
import torch

from demogen.errors import DemogenError
from demogen.networks.devices import find_device


def test_a_processor_is_there():
    assert find_device("cpu") == find_device(torch.device("cpu")) == torch.device("cpu")


@pytest.mark.parametrize("name", ["gpu", "", "cuda:99", "mps", "meta", "hpu", "cpu:x"])
def test_what_is_not_there_is_one_line_that_names_what_is(name):
    with pytest.raises(DemogenError, match=rf"^no device '{name}'.*: give cpu") as refused:
        find_device(name)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 200


def test_a_device_without_float64_is_refused(monkeypatch):
    """As Apple's: the device is there, and doubles are not."""

    def ones(*_, dtype, device):
        assert dtype == torch.float64
        raise TypeError(f"Cannot convert a {device.type.upper()} Tensor to float64 dtype")

    monkeypatch.setattr(torch, "ones", ones)
    with pytest.raises(DemogenError, match="^no device 'mps' here .*MPS Tensor to float64.*cpu"):
        find_device("mps")
