from .image_set import ImageSet as ImageSet
from .image_set import corrupt_labels as corrupt_labels
from .image_set import load_images as load_images
