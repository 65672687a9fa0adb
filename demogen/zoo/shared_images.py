"""Standardized images that all networks with the same data share."""

from functools import lru_cache

from torch import Tensor

from demogen.images.image_set import ImageSet
from demogen.schema.records import Data

NO_CORRUPTION = {"corruption": 0.0, "corruption_seed": 0}
"""What does not change images: settings that differ in it share theirs."""


@lru_cache(maxsize=4)
def standardized(image_set: ImageSet, data: Data, part: str) -> Tensor:
    """Images of one part ("train" or "test") as networks with these data see them."""
    images = image_set.training_part(data).images if part == "train" else image_set.test.images
    return image_set.inputs(images, data)
