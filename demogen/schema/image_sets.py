"""Facts about the image sets known by name; no pixels here."""

from dataclasses import dataclass

from demogen._util.lookup import lookup
from demogen.errors import ZooError


@dataclass(frozen=True)
class ImageSetFacts:
    """Shape (channels, height, width), classes, sizes, and where the Hub has the set."""

    shape: tuple[int, int, int]
    classes: int
    train_size: int
    test_size: int
    repository: str | None
    """Dataset repository on the Hugging Face Hub; None: comes with scikit-learn."""
    digest: str | None = None
    """Of the published images (`ImageSet.digest`); None: not pinned here."""
    image_column: str = "image"
    label_column: str = "label"
    on_disk: bool = False
    """Too large for memory: read by memory map (`demogen.images.memory_mapped`)."""
    configuration: str | None = None
    """Of the repository, where it has several."""
    class_names: tuple[str, ...] = ()
    """As published, in the order of their numbers; (): labels are read as numbers alone."""


_CIFAR10 = "airplane automobile bird cat deer dog frog horse ship truck"

_CIFAR100 = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly
camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup
dinosaur dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower
leopard lion lizard lobster man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid
otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine possum rabbit raccoon ray
road rocket rose sea seal shark shrew skunk skyscraper snail snake spider squirrel streetcar
sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip turtle
wardrobe whale willow_tree wolf woman worm
"""

_FASHION = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)

IMAGE_SETS = {
    "cifar10": ImageSetFacts(
        (3, 32, 32),
        10,
        50_000,
        10_000,
        "uoft-cs/cifar10",
        "ffaea0965250353c3615917ba944883871712e8f9cd54f4433730f4d862bfdaa",
        image_column="img",
        class_names=tuple(_CIFAR10.split()),
    ),
    "cifar100": ImageSetFacts(
        (3, 32, 32),
        100,
        50_000,
        10_000,
        "uoft-cs/cifar100",
        image_column="img",
        label_column="fine_label",
        class_names=tuple(_CIFAR100.split()),
    ),
    "digits": ImageSetFacts(
        (1, 8, 8),
        10,
        1_000,
        797,
        None,
        "3f96231daab4a766660b90698a0a312d71ce420d27f775ad369d73d72d9cba9a",
    ),
    "fashion_mnist": ImageSetFacts(
        (1, 28, 28),
        10,
        60_000,
        10_000,
        "zalando-datasets/fashion_mnist",
        "4375b03117fc85c3fb2684a2f7b2ad9a685581c4b799e7437bf896904561d1bf",
        class_names=_FASHION,
    ),
    "imagenet": ImageSetFacts(
        (3, 256, 256), 1_000, 1_281_167, 50_000, "ILSVRC/imagenet-1k", on_disk=True
    ),
    "mnist": ImageSetFacts(
        (1, 28, 28),
        10,
        60_000,
        10_000,
        "ylecun/mnist",
        "2fd8bb06b745a5a436548a04bbfc09006ab78fbdaf87ea639f602f519a4b431b",
    ),
    "svhn": ImageSetFacts(
        (3, 32, 32),
        10,
        73_257,
        26_032,
        "ufldl-stanford/svhn",
        configuration="cropped_digits",
    ),
    "cinic10": ImageSetFacts((3, 32, 32), 10, 90_000, 90_000, "flwrlabs/cinic10"),
    "stl10": ImageSetFacts((3, 96, 96), 10, 5_000, 8_000, "jxie/stl10"),
    "usps": ImageSetFacts((1, 16, 16), 10, 7_291, 2_007, "flwrlabs/usps"),
}


def facts(name: str) -> ImageSetFacts:
    """Facts about an image set.

    Raises:
        ZooError: no image set has that name; the nearest is named.
    """
    return lookup(name, IMAGE_SETS, "image set", ZooError)
