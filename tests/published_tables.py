"""Tables that others published, for tests that hold our statistics against their numbers."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

FOLDER = Path(os.environ.get("DEMOGEN_TABLES", Path(__file__).parents[2] / "shared/data/tables"))
at_hand = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="the published tables are not at hand: set DEMOGEN_TABLES"
)

PGDL_FACTORS = {
    "pgdl-task1": (
        "bs",
        "dropout_p",
        "convwidth",
        "num_conv_blocks",
        "num_dense_layers",
        "weight_decay",
    ),
    "pgdl-task2": ("bs", "dropout_p", "weight_decay", "depth"),
}
DZIUGAITE_FACTORS = ("hp.dataset", "hp.lr", "hp.model_depth", "hp.model_width", "hp.train_size")


def table(name: str) -> pd.DataFrame:
    return pd.read_csv(FOLDER / f"{name}.csv")


def levels(frame: pd.DataFrame, factors: tuple[str, ...]) -> dict[str, list]:
    return {name: frame[name].tolist() for name in factors}


def dziugaite() -> pd.DataFrame:
    """The 4,836 networks that the authors' code keeps, its columns named as there."""
    frame = table("dziugaite2020-nin")
    frame = frame[frame["is.converged"] & frame["is.high_train_accuracy"]]
    frame = frame.replace([np.inf, -np.inf], np.nan).dropna()
    return frame.assign(
        **{"hp.lr": frame["hp.lr"].round(4), "hp.train_size": frame["train_dataset_size"]}
    )
