"""Facts about the image sets known by name; no pixels here."""

from dataclasses import dataclass

from demogen.errors import ZooError
from demogen.names import choose


@dataclass(frozen=True)
class ImageSetFacts:
    """Shape (channels, height, width), classes, sizes, and where the Hub has the set."""

    shape: tuple[int, int, int]
    classes: int
    train_size: int
    test_size: int
    repository: str | None
    """Dataset repository on the Hugging Face Hub; None: comes with scikit-learn."""
    image_column: str = "image"
    label_column: str = "label"


IMAGE_SETS = {
    "cifar10": ImageSetFacts((3, 32, 32), 10, 50_000, 10_000, "uoft-cs/cifar10", "img"),
    "cifar100": ImageSetFacts(
        (3, 32, 32), 100, 50_000, 10_000, "uoft-cs/cifar100", "img", "fine_label"
    ),
    "digits": ImageSetFacts((1, 8, 8), 10, 1_000, 797, None),
    "fashion_mnist": ImageSetFacts(
        (1, 28, 28), 10, 60_000, 10_000, "zalando-datasets/fashion_mnist"
    ),
    "mnist": ImageSetFacts((1, 28, 28), 10, 60_000, 10_000, "ylecun/mnist"),
}


def facts(name: str) -> ImageSetFacts:
    """Facts about an image set.

    Raises:
        ZooError: no image set has that name; the nearest is named.
    """
    return choose(name, IMAGE_SETS, "image set", ZooError)
