"""Zoos as far as figures look at them: a name, and a table with made-up outcomes."""

from types import SimpleNamespace

import numpy as np
import pandas as pd

SIZES = (500, 1000, 5000, None)


def swept(sizes=SIZES, corruptions=(0.0, 1.0), copies=2):
    """A zoo whose networks saw training sets of several sizes, with made-up outcomes."""
    draw = np.random.default_rng(5)
    rows = []
    for corruption in corruptions:
        for size in sizes:
            for copy in range(copies):
                train, test = np.sort(draw.uniform(0, 1, 2))
                rows.append(
                    {
                        "id": f"net-{corruption}-{size}-{copy}",
                        "images": "cifar10",
                        "train_size": size,
                        "corruption": corruption,
                        "channels": (16, 16),
                        "parameters": 9978,
                        "train_accuracy": test,
                        "test_accuracy": train,
                        "train_cross_entropy": train,
                        "test_cross_entropy": test,
                        "train_normalized_cross_entropy": 2.3 + 1e-5 * train,
                        "test_normalized_cross_entropy": 2.3 + 1e-5 * test,
                        "corrupted_test_accuracy": train / 2,
                        "corrupted_test_cross_entropy": 2 * test,
                        "corrupted_test_normalized_cross_entropy": 2.3 + 2e-5 * test,
                    }
                )
    table = pd.DataFrame(rows).set_index("id").sample(frac=1, random_state=1)
    return SimpleNamespace(name="swept", table=table)


def crossed():
    """Width × activation × optimizer × augmentation × corruption, two copies each, as a table."""
    draw = np.random.default_rng(7)
    rows = []
    for width in (10, 20):
        for activation in ("relu", "hardsigmoid"):
            for optimizer in ("momentum", "lbfgs"):
                for augmentation in ((), ("wrap", "flip")):
                    for corruption in (0.0, 0.5, 1.0):
                        configuration = f"{width}{activation}{optimizer}{augmentation}{corruption}"
                        rows += [
                            {
                                "id": f"{configuration}-{copy}",
                                "configuration": configuration,
                                "width": width,
                                "activation": activation,
                                "optimizer": optimizer,
                                "learning_rate": 1.0 if optimizer == "lbfgs" else 0.1,
                                "augmentation": list(augmentation),
                                "corruption": corruption,
                                "corruption_seed": int(corruption > 0),
                                "copy_number": copy,
                                "seed": len(rows) + copy,
                                "train_accuracy": 1.0 if not augmentation else 0.99,
                                "gap": draw.uniform(0.1, 0.5),
                            }
                            for copy in (1, 2)
                        ]
    table = pd.DataFrame(rows).set_index("id").sample(frac=1, random_state=2)
    return SimpleNamespace(name="grid", digest="7c" * 32, table=table)
