"""What the papers say of their collections, and we of ours, typed here and not computed."""

from functools import lru_cache

from zoo_recipes import load_recipe

IMAGENET = "vgg16-imagenet"
JIANG = {"batch_size": 128, "epochs": 380, "decay_epochs": 100, "decay": 0.1, "momentum": 0.9}
NIN = {
    "width": [192, 288, 384],
    "batch_norm": [False, True],
    "dropout": [0, 0.2, 0.5],
    "l2": [0, 0.001, 0.005],
    "augmentation": [[], ["crop", "flip", "shift"]],
    "copy_number": [1, 2],
}
RESNET32 = {
    "width": [16, 32, 64],
    "norm": ["batch", "group"],
    "l2": [0, 0.002, 0.02],
    "augmentation": [[], ["crop", "flip", "shift"]],
    "copy_number": [1, 2, 3],
}
CORRUPTIONS = [0, 0.2, 0.4, 0.6, 0.8, 1]
ZHAO = {
    "momentum": [0, 0.5, 0.9],
    "l2": [0, 0.0002],
    "batch_size": [128, 256, 512],
    "augmentation": [[], ["crop", "flip", "rotation"]],
    "corruption": CORRUPTIONS,
}
ZHAO_FIXED = {
    "learning_rate": 0.01,
    "nesterov": True,
    "plateau_epochs": 5,
    "plateau_delta": 1e-4,
    "decay": 0.1,
    "stop_accuracy": 0.97,
    "stop_learning_rate": 1.1e-5,
    "epochs": 300,
    "images": "cifar100",
}
PRETRAINING = [0, 1e-4, 1e-3, 0.01, 0.1, 0.2, 0.5, 0.75]
FIFTEEN = [
    *(0.001, 0.0025, 0.005, 0.0075, 0.01, 0.05, 0.075, 0.09),
    *(0.1, 0.115, 0.125, 0.135, 0.15, 0.175, 0.19),
]
TWENTY_FIVE = [
    *(0.0001, 0.0002, 0.0003, 0.0004, 0.0005, 0.0006, 0.0007, 0.0008, 0.0009, 0.001, 0.0016),
    *(0.0032, 0.0064, 0.0128, 0.0256, 0.0512, 0.06, 0.07, 0.08, 0.09, 0.1, 0.1024, 0.11, 0.12),
    0.14,
]
SCALES = {"initial_scale": [0.5, 1, 2, 4, 8], "copy_number": [1, 2, 3]}
PUZZLES = {
    "standardization": "constants",
    "pixel_mean": [0.4914, 0.4822, 0.4465],
    "pixel_std": [0.2023, 0.1994, 0.2010],
    "learning_rate": 0.01,
    "momentum": 0.9,
}
THREE_LAYERS = {"batch_size": 1024, "epochs": 300, "kernel": 5, "stride": 1, "bias": "first"}
FIVE_LAYERS = {
    **PUZZLES,
    "batch_size": 1024,
    "epochs": 80,
    "snapshot_loss": 0.006,
    "snapshot_tolerance": None,
    "channels": [32, 64, 64, 128],
    "kernel": 3,
    "batch_norm": True,
}
SNAPSHOT = {"snapshot_loss": 0.0044, "snapshot_tolerance": 0.0001}
FIVE_ACTIVATIONS = ["relu", "relu6", "tanh", "hardtanh", "hardsigmoid"]
SMALL = {
    "width": [100, 200, 500, 1000, 2000, 3000],
    "depth": [2, 3, 5, 10, 15, 20],
    "activation": ["relu", "relu6", "hardtanh", "hardsigmoid"],
    "copy_number": [1, 2, 3, 4, 5, 6, 7, 8],
}
NOVAK = {"standardization": "image", "bias": "none", "decay_epochs": 500, "decay": 0.1}
SMALL_FIXED = {
    **NOVAK,
    **{"optimizer": "momentum", "momentum": 0.9, "learning_rate": 0.005, "batch_size": 256},
    "steps": 262_144,
}
PER_POINT = {
    "width": [50, 100, 200, 500, 1000],
    "depth": [2, 5, 10, 20, 30],
    "activation": FIVE_ACTIVATIONS,
    "learning_rate": [1e-4, 1e-3, 1e-2],
    "optimizer": ["sgd", "momentum", "adam", "rmsprop"],
    "loss": ["cross_entropy", "squared"],
}
LARGE_FIXED = {**NOVAK, "center_crop": 24}


def published():
    """Name → number of networks, what varies (levels as frequent as they can be), what is fixed."""
    yield "nin-cifar10", 216, NIN, {**JIANG, "corruption": 0, "learning_rate": 0.01}
    small = {"width": [24, 36, 48], "dropout": [0, 0.1, 0.25], "l2": [0, 0.0002, 0.001]}
    small |= {"augmentation": [[], ["flip"]]}
    more = {"train_size": 2500, "optimizer": "adam", "batch_size": 64, "epochs": 40}
    yield "nin-small-cifar10", 108, {**NIN, **small}, more
    yield "nin-cifar10-corrupted", 216, NIN, {**JIANG, "corruption": 0.2, "learning_rate": 0.01}
    rates = [0.1, 0.01, 0.001]
    more = {"images": "cifar10", "depth": 32, "standardization": "image"}
    yield "resnet32-cifar10", 216, {**RESNET32, "learning_rate": rates[1:]}, {**JIANG, **more}
    more = {"images": "cifar100", "depth": 32}
    yield "resnet32-cifar100", 324, {**RESNET32, "learning_rate": rates}, {**JIANG, **more}
    vgg = {**ZHAO, "batch_norm": [False, True], "dropout": [0, 0.3, 0.5]}
    yield "vgg16-cifar100", 80, vgg, {**ZHAO_FIXED, "family": "vgg", "dropout_layers": "all"}
    yield "mobilenet-cifar100", 36, ZHAO, {**ZHAO_FIXED, "family": "mobilenet"}
    yield "resnet34-cifar100", 36, ZHAO, {**ZHAO_FIXED, "depth": 34, "width": 64}
    more = {"batch_size": 256, "epochs": 74, "learning_rate": 0.01, "decay": 0.1}
    yield "vgg16-imagenet", 5, {}, {**more, "images": "imagenet", "center_crop": 224}
    three = {**PUZZLES, **THREE_LAYERS, "images": "cifar10", "channels": [24, 24]}
    more = {**three, **SNAPSHOT, "pretrain_epochs": 30}
    yield "convnet3-cifar10-pretrain", 9, {}, more
    yield "convnet3-cifar10-init", 15, {"initial_std": FIFTEEN}, {**three, **SNAPSHOT}
    yield "convnet3-cifar10-default", 7, {"copy_number": [*range(1, 8)]}, three
    more = {"standardization": "set", "train_size": 50_000, "epochs": 800, "channels": [34, 34]}
    yield "convnet3-mnist-init", 16, {}, {**THREE_LAYERS, "images": "mnist", **more}
    more = {"epochs": 200, "decay": 0.1, "decay_at": [100, 150], "channels": [64, 64], "stride": 2}
    yield "convnet3s-cifar10-init", 26, {}, {**PUZZLES, **more, "padding": 2, "bias": "none"}
    for images in ("cifar10", "cifar100"):
        fixed = {**FIVE_LAYERS, "images": images}
        levels = {"pretrain_corruption": PRETRAINING}
        yield f"convnet5-{images}-pretrain", 8, levels, {**fixed, "pretrain_epochs": 30}
        yield f"convnet5-{images}-init", 15, SCALES, {**fixed, "pretrain_epochs": None}
    more = {"batch_size": 128, "epochs": 200, "decay_at": [100], "augmentation": ["crop", "flip"]}
    yield "resnet56-cifar10-init", 15, SCALES, {**PUZZLES, **more, "depth": 56, "width": 16}
    sizes = [500, 1000, 2000, 5000, 10_000, 20_000, 50_000]
    more = {**PUZZLES, "batch_size": 100, "epochs": 70, "bias": "all", "kernel": 3}
    levels = {"train_size": sizes, "corruption": [0, 1]}
    channels = {"channels": [16, 16, 16, 16]}
    yield "convnet16-cifar10-nsweep", 14, levels, {**more, **channels, "test_corruption": 1}
    widths = [[n] * 4 for n in (2, 4, 8, 16, 32, 64, 128)]
    yield "convnet-cifar10-widthsweep", 7, {"channels": widths}, {**more, "train_size": None}
    for images in ("cifar10", "cifar100", "mnist", "fashion_mnist"):
        dashed = images.replace("_", "-")
        fixed = {**SMALL_FIXED, "images": images, "augmentation": []}
        yield f"mlp-small-{dashed}", 1152, SMALL, fixed
        fixed = {**NOVAK, "images": images, "steps": 524_288, "initial_scale": 1}
        yield f"mlp-perpoint-{dashed}", 3000, PER_POINT, fixed
    more = {"images": "cifar10", "augmentation": ["wrap", "flip"]}
    yield "mlp-small-cifar10-augmented", 1152, SMALL, {**SMALL_FIXED, **more}
    yield "mlp-large-cifar10", 2160, {}, {**LARGE_FIXED, "images": "cifar10"}
    yield "mlp-large-cifar100", 2160, {}, {**LARGE_FIXED, "images": "cifar100"}
    more = {"images": "mnist", "width": 200, "depth": 20, "activation": "relu"}
    yield "mlp-trajectory-mnist", 128, {}, {**SMALL_FIXED, **more}
    more = {"images": "mnist", "width": 300, "depth": 15, "activation": "relu6"}
    turned = {"augmentation": ["wrap", "flip", "flip_vertical", "quarter_turn"]}
    yield "mlp-boundaries-mnist", 1, {}, {**SMALL_FIXED, **more, **turned}
    levels = {"width": [50, 100, 200], "depth": [2, 5, 10, 20], "activation": FIVE_ACTIVATIONS}
    yield "mlp-crossentropy-cifar10", 60, levels, {**SMALL_FIXED, "images": "cifar10"}
    levels = {"width": [32, 48], "dropout": [0, 0.1], "l2": [0, 1e-4], "copy_number": [1, 2]}
    levels |= {"batch_norm": [False, True], "corruption": [0, 0.2, 0.4]}
    yield "digits", 96, levels, {"images": "digits", "train_size": 300, "optimizer": "adam"}


PUBLISHED = {name: rest for name, *rest in published()}


@lru_cache
def factors(name):
    """All networks of a collection as flat columns."""
    return [spec.factors() for spec in load_cached(name).networks()]


@lru_cache
def load_cached(name):
    return load_recipe(name)
