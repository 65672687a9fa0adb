"""What a network was trained on, and how: typed data, closed to other keys. No torch here."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from demogen.schema.frozen import Frozen
from demogen.schema.image_sets import IMAGE_SETS, facts

Augmentation = Literal[
    "crop", "flip", "flip_vertical", "quarter_turn", "rotation", "shift", "window", "wrap"
]
Stopped = Literal["epochs", "steps", "accuracy", "learning_rate", "converged"]
"""What ended training: its length, or a stopping rule; L-BFGS also where it no longer moves."""
Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Side = Annotated[int, Field(ge=1, le=65_536)]


class Data(Frozen):
    """Which images and labels a network was trained on, and how it saw them."""

    images: str
    shape: tuple[Side, Side, Side] | None = None
    """(channels, height, width) of an image set of one's own; None: that of `images`, by name."""
    classes: Annotated[int, Field(ge=1, le=65_536)] | None = None
    """Likewise; given with `shape`."""
    standardization: Literal["image", "set", "constants", "none"] = "image"
    """Each image by its own pixels; each channel over the training set; by given constants; the
    numbers as they are stored."""
    pixel_mean: tuple[float, ...] = ()
    """With "constants": one a channel, for pixels from 0 to 1."""
    pixel_std: tuple[Positive, ...] = ()
    center_crop: Annotated[int, Field(ge=1)] | None = None
    """Side of the square that networks see of each image; None: the whole image."""
    gray: bool = False
    """Networks see the mean of the channels, taken after standardization, as a single one."""
    train_size: Annotated[int, Field(ge=1)] | None = None
    """A fixed subset of that many training images (the first in a seeded order); None: all."""
    subset_known: bool = True
    """False: on a subset that cannot be made again, so that training images are not at hand."""
    subset_seed: int = 0
    corruption: Fraction = 0.0
    """Fraction of the labels of each class replaced by uniformly random labels."""
    corruption_seed: int = 0
    test_corruption: Fraction = 0.0
    """Where above 0, losses on test labels corrupted likewise are recorded beside the true ones."""

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        if (self.shape is None) != (self.classes is None):
            raise ValueError("shape and classes of an image set are given together")
        if self.shape is not None and self.images in IMAGE_SETS:
            raise ValueError(f"{self.images} is known by name: leave shape and classes out")
        if self.shape is None and self.images not in IMAGE_SETS:
            return self
        channels, height, width = self.image_shape
        if self.center_crop is not None and self.center_crop > min(height, width):
            raise ValueError(
                f"center_crop {self.center_crop} is larger than {self.images} of {height}x{width}"
            )
        counts = len(self.pixel_mean), len(self.pixel_std)
        needed = channels if self.standardization == "constants" else 0
        if counts != (needed, needed):
            raise ValueError(
                f"standardization {self.standardization!r} of {self.images} takes {needed} "
                f"numbers as pixel_mean and pixel_std, not {counts[0]} and {counts[1]}"
            )
        return self

    def shape_only(self) -> "Data":
        """The same images, of which only what decides a network's inputs and logits is said."""
        kept = ("images", "shape", "classes", "center_crop", "gray")
        return Data(**{name: getattr(self, name) for name in kept})

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """An image as it is stored: (channels, height, width).

        Raises:
            ZooError: no image set has that name, and no shape is given.
        """
        return facts(self.images).shape if self.shape is None else self.shape

    @property
    def class_count(self) -> int:
        """Number of classes.

        Raises:
            ZooError: no image set has that name, and no number is given.
        """
        return facts(self.images).classes if self.classes is None else self.classes

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """What a network sees of one image: (channels, height, width).

        Raises:
            ZooError: no image set has that name, and no shape is given.
        """
        channels, height, width = self.image_shape
        crop = self.center_crop
        channels = 1 if self.gray else channels
        return (channels, height, width) if crop is None else (channels, crop, crop)


class Training(Frozen):
    """How a network was trained, from its first weights to when it stopped."""

    initial_std: Positive | None = None
    """Kernels start normal with this standard deviation instead of the family's own scheme."""
    initial_scale: Positive = 1.0
    """The family's initial kernels are multiplied by this."""
    loss: Literal["cross_entropy", "squared"] = "cross_entropy"
    """The latter: Σ over classes of (logit − one-hot label)², mean over samples."""
    optimizer: Literal["sgd", "momentum", "adam", "rmsprop", "lbfgs"] = "momentum"
    """The last takes all training images at once; a step is one of its iterations."""
    learning_rate: Positive = 0.01
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """Of "momentum" alone; 0 makes it plain SGD."""
    nesterov: bool = False
    l2: NonNegative = 0.0
    """λ of λ·Σw²/2, torch's weight decay."""
    l2_on: Literal["kernels", "all"] = "kernels"
    """The former: not biases and not what batch and group norm learn."""
    batch_size: Annotated[int, Field(ge=1)] = 128
    epochs: Annotated[int, Field(ge=1)] | None = 380
    steps: Annotated[int, Field(ge=1)] | None = None
    """Ends training instead of `epochs`, where given."""
    decay: Annotated[float, Field(gt=0, le=1)] = 0.1
    """The learning rate is multiplied by this where one of the next three says; else never."""
    decay_epochs: Annotated[int, Field(ge=1)] | None = None
    """After every so many epochs."""
    decay_at: tuple[Annotated[int, Field(ge=1)], ...] = ()
    """After these epochs."""
    plateau_epochs: Annotated[int, Field(ge=1)] | None = None
    """After so many epochs in which the training loss did not fall by `plateau_delta`."""
    plateau_delta: NonNegative = 1e-4
    stop_accuracy: Fraction | None = None
    """Stop after the first epoch whose running training accuracy is at least this."""
    stop_learning_rate: Positive | None = None
    """Stop after the first epoch that leaves the learning rate at or below this."""
    snapshot_loss: Positive | None = None
    """Keep the epoch whose training cross-entropy, in evaluation mode, is nearest to this."""
    snapshot_tolerance: Positive | None = None
    """Keep the last epoch where none is so near to `snapshot_loss`; None: the nearest anyhow."""
    pretrain_epochs: Annotated[int, Field(ge=1)] | None = None
    """First so many epochs, without any stopping rule, on the labels of `pretrain_corruption`."""
    pretrain_corruption: Fraction = 0.0
    """Fraction of the training images whose labels are swapped among them for pretraining."""
    augmentation: tuple[Augmentation, ...] = ()
    """In this order, drawn anew for every image and epoch."""
    precision: Literal["float32", "tf32", "bfloat16"] = "float32"
    """Of matrix products on a GPU; the last: of forward passes, in automatic mixed precision."""

    @model_validator(mode="before")
    @classmethod
    def _steps_replace_epochs(cls, content: Any) -> Any:
        if isinstance(content, dict) and content.get("steps") is not None:
            return {"epochs": None, **content}
        return content

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        if (self.epochs is None) == (self.steps is None):
            raise ValueError("give either epochs or steps")
        schedules = (self.decay_epochs, self.decay_at or None, self.plateau_epochs)
        if sum(schedule is not None for schedule in schedules) > 1:
            raise ValueError("give one of decay_epochs, decay_at and plateau_epochs")
        if self.nesterov and self.optimizer != "momentum":
            raise ValueError(f"nesterov is for optimizer 'momentum', not {self.optimizer!r}")
        if self.optimizer == "lbfgs" and self.augmentation:
            raise ValueError("lbfgs needs the same images at every step: no augmentation")
        if self.initial_std is not None and self.initial_scale != 1:
            raise ValueError("give either initial_std or initial_scale")
        if self.snapshot_tolerance is not None and self.snapshot_loss is None:
            raise ValueError("snapshot_tolerance needs snapshot_loss")
        if self.pretrain_corruption and self.pretrain_epochs is None:
            raise ValueError("pretrain_corruption needs pretrain_epochs")
        return self
