"""Torch devices that users name: whether they are there, and can do what is done here."""

import torch

from demogen.errors import DemogenError


def find_device(name: str | torch.device) -> torch.device:
    """The device of that name, after a first sum on it.

    Raises:
        DemogenError: there is none, or it has no float64, in which norms and losses are summed
            (Apple's mps); the message names those that can be used.
    """
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError) as error:
        raise DemogenError(f"no device {str(name)!r}: {_usable()}") from error
    if device.type == "cpu":
        return device
    try:
        if device.type == "meta":
            raise TypeError("it holds no numbers")
        torch.ones(2, dtype=torch.float64, device=device).sum().item()
    # Drivers and builds of torch say it by errors of many kinds.
    except Exception as error:
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        # A sentence is enough: torch goes on with a list of all that it has.
        reason = said.split(". ")[0].rstrip(".")
        raise DemogenError(f"no device {str(name)!r} here ({reason}): {_usable()}") from error
    return device


def _usable() -> str:
    gpus = [f"cuda:{number}" for number in range(torch.cuda.device_count())]
    return f"give {' or '.join(['cpu', *gpus])}"
