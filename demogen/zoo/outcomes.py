"""What a record says came out, held against what must be: sizes of networks, counts of images."""

from demogen.errors import CorruptZooError
from demogen.networks.size import parameter_count
from demogen.schema.image_sets import IMAGE_SETS
from demogen.schema.records import NetworkRecord

_ROUNDING = 1e-6
"""Of a count of images: a quotient of whole numbers times its divisor is off by far less."""


def check_outcome(record: NetworkRecord, what: str) -> None:
    """Refuse what a network of this spec cannot have given.

    The number of parameters follows from the architecture. An accuracy that was measured here is
    that of so many images, so that times their number it is a whole number. What only the images
    tell (which of them are classified correctly) is not looked at here.

    Args:
        record: of the network.
        what: the network, in messages.

    Raises:
        CorruptZooError: one of these does not hold.
    """
    expected = parameter_count(record.spec)
    if record.parameters != expected:
        raise CorruptZooError(
            f"{what} is said to have {record.parameters:,} parameters; its architecture has "
            f"{expected:,}"
        )
    for name, images in _counts(record).items():
        accuracy = getattr(record, name)
        # Not >, which is false of what is no number.
        if accuracy is not None and not abs(accuracy * images - round(accuracy * images)) < (
            _ROUNDING
        ):
            raise CorruptZooError(
                f"{what}: {name} {accuracy!r} is that of no whole number of {images:,} images"
            )


def _counts(record: NetworkRecord) -> dict[str, int]:
    """Field of the record → images that it was measured on, where both are known."""
    data = record.spec.data
    if record.spec.origin is not None or data.images not in IMAGE_SETS:
        return {}
    known = IMAGE_SETS[data.images]
    train = known.train_size if data.train_size is None else data.train_size
    return {
        "train_accuracy": train,
        "test_accuracy": known.test_size,
        "corrupted_test_accuracy": known.test_size,
    }
