"""Architectures, one family a file: a spec becomes a TappedModule."""

from demogen.networks.architectures.construction import (
    build,
    parameter_count,
    skeleton,
    weight_sizes,
)

__all__ = ["build", "parameter_count", "skeleton", "weight_sizes"]
