"""The Small CNN Zoo of Unterthiner et al. 2020: a matrix of weights, a row a checkpoint.

Which column is which number of which layer stands in layout.csv, and is read from there.
"""

import gzip
import io
import re
import zlib
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, final

import numpy as np
from pydantic import ValidationError
from torch import Tensor

from demogen._util.lookup import lookup
from demogen.errors import ArchiveError
from demogen.schema.architectures import Layers
from demogen.schema.image_sets import IMAGE_SETS
from demogen.schema.records import Data, Paper, first_fault
from zoo_recipes.importing.arrays import conv_kernel, dense_kernel, digest, fraction, loss, tensor
from zoo_recipes.importing.factors import level, names_of
from zoo_recipes.importing.formats.archives import Archive
from zoo_recipes.importing.found import About, Found, Source, Stated

if TYPE_CHECKING:
    import pandas as pd

PAPER = Paper(
    key="unterthiner2020",
    title="Predicting Neural Network Accuracy from Weights",
    section="small CNN zoo",
    bibtex="""
@article{unterthiner2020,
  title = {Predicting Neural Network Accuracy from Weights},
  author = {Unterthiner, Thomas and Keysers, Daniel and Gelly, Sylvain and Bousquet, Olivier
            and Tolstikhin, Ilya},
  journal = {arXiv:2002.11448},
  year = {2020}
}
""",
)

LAST_STEP = 86
"""Of the nine checkpoints of a run, the last."""

_FUNCTIONS = ("relu", "tanh", "selu", "sigmoid", "elu", "gelu", "softplus", "softsign")
_VARIABLE = re.compile(
    r"(?:.*/)?(?P<kind>conv2d|dense)(?:_(?P<number>\d+))?/(?P<what>kernel|bias)(?::0)?"
)
_IMAGES = {
    "fashion_mnist": "fashion_mnist",
    "fashion-mnist": "fashion_mnist",
    "cifar10": "cifar10",
    "svhn": "svhn",
    "mnist": "mnist",
}
TABLE_LIMIT = 4 << 30
LAYOUT_LIMIT = 1 << 20
_ROWS = 512
_UNKNOWN_SIDE = 28


@dataclass(frozen=True)
class Variable:
    """A variable of the network: its columns, and its shape."""

    start: int
    stop: int
    shape: tuple[int, ...]


@final
class SmallCnnZoo(Source):
    """The rows of one matrix.

    Args:
        archive: the archive.
        place: folder of the three files in it; "": its root.
        step: only checkpoints of this step; None: all.
        where: column → levels: only rows with one of them.
        images: name of the image set; None: as the folder's name says.
    """

    def __init__(
        self,
        archive: Archive,
        place: str,
        step: int | None = LAST_STEP,
        where: Mapping[str, Sequence[Any]] | None = None,
        images: str | None = None,
    ) -> None:
        self._archive = archive
        self._place = f"{place}/" if place else ""
        self._step = step
        self._where = where or {}
        self._name = (place or archive.path.name.split(".")[0]).rsplit("/", 1)[-1]
        path = f"{archive.path.name}/{place}".lower()
        told = (known for word, known in _IMAGES.items() if word in path)
        self._images = images or next(told, None)

    @cached_property
    def about(self) -> About:
        """The paper, and which rows are taken."""
        parts = [f"smallcnn-{self._name}"]
        parts += (
            []
            if self._step == LAST_STEP
            else [f"step{'-all' if self._step is None else self._step}"]
        )
        parts += [f"{name}-{'-'.join(map(str, levels))}" for name, levels in self._where.items()]
        unknown = (
            ()
            if self._images in IMAGE_SETS
            else (
                "which images the networks were trained on is not said; images of 28x28 are taken "
                "for the recorded logits, and the networks take any size",
            )
        )
        return About(
            zoo=re.sub(r"[^A-Za-z0-9._-]+", "-", "-".join(parts)),
            archive=f"smallcnn/{self._name}",
            paper=PAPER,
            notes=(
                "images are taken from [0, 1] to [-1, 1], then gray as the plain mean of channels",
                "train_fraction below 1 is a subset of a shuffled buffer, which nobody can make "
                "again: such networks come without training images",
                "rows that are not finite are left out, and named among those that failed",
                *unknown,
            ),
        )

    def networks(self, done: Container[str]) -> Iterator[tuple[str, Callable[[], Found]]]:
        """Each row that is asked for, by its number; the matrix is read once."""
        layout, table = self._layout, self._table
        chosen: list[int] = np.flatnonzero(self._chosen).tolist()
        wanted = [number for number in chosen if str(number) not in done]
        columns = max(variable.stop for variable in layout.values())
        for number, row in _rows(self._archive, f"{self._place}weights.npy", wanted, len(table)):
            if len(row) != columns:
                raise ArchiveError(
                    f"{self._archive.path}: weights.npy has {len(row)} columns, layout.csv "
                    f"{columns}"
                )
            facts = {str(name): value for name, value in table.iloc[number].items()}
            yield str(number), partial(self._read, number, row, facts)

    @cached_property
    def _table(self) -> "pd.DataFrame":
        """metrics.csv.gz."""
        import pandas as pd

        names = (f"{self._place}metrics.csv.gz", f"{self._place}metrics.csv")
        name = next((name for name in names if name in self._archive.sizes), names[0])
        content = self._archive.read(name, TABLE_LIMIT)
        try:
            if name.endswith(".gz"):
                with gzip.open(io.BytesIO(content)) as file:
                    content = file.read(TABLE_LIMIT)
            table = pd.read_csv(io.BytesIO(content), low_memory=False)
        except (OSError, EOFError, zlib.error, ValueError) as error:
            fault = " ".join(str(error).split()) or type(error).__name__
            raise ArchiveError(f"{self._archive.path}: {name} is no table ({fault})") from error
        for column in ("config.activation", "step", "train_accuracy", "test_accuracy"):
            if column not in table.columns:
                raise ArchiveError(f"{self._archive.path}: {name} has no column {column!r}")
        unnamed = [c for c in table.columns if str(c).startswith("Unnamed")]
        return table.drop(columns=unnamed)

    @cached_property
    def _chosen(self) -> Any:
        """Whether each row is asked for, (rows,)."""
        table = self._table
        chosen = np.ones(len(table), bool)
        if self._step is not None:
            chosen &= (table["step"] == self._step).to_numpy()
        for column, levels in self._where.items():
            lookup(
                column,
                dict.fromkeys(map(str, table.columns)),
                "column in metrics.csv.gz",
                ArchiveError,
            )
            texts, values = set(map(str, levels)), table[column]
            is_level = values.isin(list(levels)) | values.astype(str).isin(texts)
            if not is_level.any():
                there = ", ".join(sorted(map(str, values.dropna().unique()))[:20])
                raise ArchiveError(
                    f"no network has {column} = {', '.join(texts)}; there are {there}"
                )
            chosen &= is_level.to_numpy()
        if not chosen.any():
            steps = ", ".join(map(str, sorted(self._table["step"].dropna().unique())[:20]))
            raise ArchiveError(
                f"{self._archive.path}: no row is of step {self._step} and has the levels asked "
                f"for; there are steps {steps}"
            )
        return chosen

    @cached_property
    def _layout(self) -> Mapping[str, Variable]:
        content = self._archive.read(f"{self._place}layout.csv", LAYOUT_LIMIT)
        return read_layout(content, f"{self._archive.path}: layout.csv")

    def _read(self, number: int, row: Any, facts: Mapping[str, Any]) -> Found:
        if not np.isfinite(row).all():
            raise ArchiveError("its weights are not all finite")
        data = self._data(facts)
        activation = str(facts["config.activation"])
        if activation not in _FUNCTIONS:
            raise ArchiveError(f"activation {activation!r} is not known here")
        architecture, weights = network(self._layout, row, activation, data.input_shape)
        read = [("row", row.tobytes()), ("metrics", repr(sorted(facts.items())).encode())]
        settings = {
            name: level(_plain(value))
            for name, value in facts.items()
            if name.startswith("config.") or name == "step"
        }
        return Found(
            name=str(number),
            architecture=architecture,
            data=data.model_copy(update={"classes": architecture.classes})
            if data.shape is not None
            else data,
            weights=weights,
            read=digest(read),
            stated=Stated(
                fraction(_plain(facts["train_accuracy"]), "train_accuracy"),
                fraction(_plain(facts["test_accuracy"]), "test_accuracy"),
                loss(_plain(facts.get("train_loss")), "train_loss"),
                loss(_plain(facts.get("test_loss")), "test_loss"),
            ),
            factors=names_of({k: v for k, v in settings.items() if v is not None}, "config."),
        )

    def _data(self, facts: Mapping[str, Any]) -> Data:
        share = _plain(facts.get("config.train_fraction", 1.0))
        channels = 1
        named: dict[str, Any] = {"images": self._images}
        if self._images in IMAGE_SETS:
            channels = IMAGE_SETS[self._images].shape[0]
        else:
            plain = re.sub(r"[^A-Za-z0-9._-]+", "-", self._images or self._name)
            shape = (1, _UNKNOWN_SIDE, _UNKNOWN_SIDE)
            named = {"images": plain, "shape": shape, "classes": 10}
        return Data(
            **named,
            standardization="constants",
            pixel_mean=(0.5,) * channels,
            pixel_std=(0.5,) * channels,
            gray=channels > 1,
            subset_known=share is None or share >= 1,
        )


def zoos_in(archive: Archive) -> list[str]:
    """Folders that hold a weights.npy.

    Raises:
        ArchiveError: there is none.
    """
    found = [path for path in sorted(archive.sizes) if path.rsplit("/", 1)[-1] == "weights.npy"]
    if not found:
        raise ArchiveError(
            f"{archive.path} holds no weights.npy: it is no folder of the Small CNN Zoo"
        )
    return [path.rpartition("/")[0] for path in found]


def read_layout(content: bytes, what: str) -> dict[str, Variable]:
    """Which columns are which variable: "conv2d0/kernel", "conv2d1/bias", "dense0/kernel".

    Raises:
        ArchiveError: it is no such table, or columns are missing or given twice.
    """
    import pandas as pd

    try:
        table = pd.read_csv(io.BytesIO(content))
        rows = table[["varname", "start_idx", "end_idx", "shape"]].to_dict("records")
    except (KeyError, ValueError) as error:
        raise ArchiveError(f"{what} is no table with varname, start_idx, end_idx, shape") from error
    layout: dict[str, Variable] = {}
    for row in rows:
        match = _VARIABLE.fullmatch(str(row["varname"]))
        if match is None:
            raise ArchiveError(f"{what} names {row['varname']!r}, which no network here has")
        try:
            shape = tuple(int(side) for side in re.findall(r"\d+", str(row["shape"])))
            variable = Variable(int(row["start_idx"]), int(row["end_idx"]), shape)
        except (ValueError, OverflowError) as error:
            raise ArchiveError(f"{what}: the line of {row['varname']} has no numbers") from error
        if variable.stop - variable.start != np.prod(shape, dtype=object) or variable.start < 0:
            raise ArchiveError(f"{what}: {row['varname']} does not take the columns of its shape")
        name = f"{match['kind']}{int(match['number'] or 0)}/{match['what']}"
        if name in layout:
            raise ArchiveError(f"{what} names {row['varname']} twice")
        layout[name] = variable
    places = sorted((variable.start, variable.stop) for variable in layout.values())
    ends = [0, *(stop for _, stop in places)]
    if not places or any(start != end for (start, _), end in zip(places, ends, strict=False)):
        raise ArchiveError(f"{what} leaves columns out, or names some twice")
    return layout


def network(
    layout: Mapping[str, Variable], row: Any, activation: str, input_shape: tuple[int, int, int]
) -> tuple[Layers, dict[str, Tensor]]:
    """Convolutions of stride 2 without padding, the mean over positions, and a dense layer.

    Args:
        layout: of the row.
        row: all numbers of the network, (columns,).
        activation: after each convolution.
        input_shape: of an image as the network sees it.

    Raises:
        ArchiveError: the layout is that of another network.
    """
    count = sum(name.startswith("conv2d") and name.endswith("kernel") for name in layout)
    names = [f"conv2d{number}" for number in range(count)] + ["dense0"]
    if set(layout) - {f"{name}/{what}" for name in names for what in ("kernel", "bias")}:
        raise ArchiveError("layout.csv lists other layers than convolutions and one dense layer")
    layers: list[dict[str, Any]] = []
    tensors = {}
    for number, name in enumerate(names, start=1):
        if f"{name}/kernel" not in layout:
            raise ArchiveError(f"layout.csv has no kernel of {name}")
        kernel = layout[f"{name}/kernel"]
        is_conv = number <= count
        place = f"conv{number}" if is_conv else "dense1"
        array = row[kernel.start : kernel.stop].reshape(kernel.shape)
        tensors[f"{place}.weight"] = (conv_kernel if is_conv else dense_kernel)(array)
        bias = layout.get(f"{name}/bias")
        if bias is not None:
            tensors[f"{place}.bias"] = tensor(row[bias.start : bias.stop])
        out = {"out": kernel.shape[-1], "bias": bias is not None}
        if is_conv:
            layers.append({"kind": "conv", "kernel": kernel.shape[:2], "stride": 2, **out})
            layers.append({"kind": "activation", "function": activation})
        else:
            layers += [{"kind": "global_avg_pool"}, {"kind": "dense", **out}]
    content = {"family": "layers", "input_shape": input_shape, "layers": layers}
    try:
        return Layers.model_validate(content), tensors
    except ValidationError as error:
        raise ArchiveError(first_fault(error)) from error


def _rows(
    archive: Archive, name: str, wanted: Sequence[int], count: int
) -> Iterator[tuple[int, Any]]:
    """The rows wanted (ascending) of a matrix of `count` rows, float32."""
    with archive.open(name) as file:
        shape, dtype = _header(file, f"{archive.path}: {name}")
        if shape[0] != count:
            raise ArchiveError(
                f"{archive.path}: {name} has {shape[0]} rows, the table of metrics {count}"
            )
        size, start, position = shape[1] * dtype.itemsize, 0, 0
        while position < len(wanted):
            rows = min(_ROWS, count - start)
            content = file.read(rows * size)
            if len(content) != rows * size:
                raise ArchiveError(f"{archive.path}: {name} is cut")
            block = np.frombuffer(content, dtype).reshape(rows, shape[1])
            while position < len(wanted) and wanted[position] < start + rows:
                yield int(wanted[position]), np.array(block[wanted[position] - start], np.float32)
                position += 1
            start += rows


def _header(file: Any, what: str) -> tuple[tuple[int, int], Any]:
    """Shape and type of a .npy file of floats, row by row; nothing in it is unpickled."""
    try:
        version = np.lib.format.read_magic(file)
        read = (
            np.lib.format.read_array_header_1_0
            if version == (1, 0)
            else np.lib.format.read_array_header_2_0
        )
        shape, by_column, dtype = read(file)
    except (ValueError, OSError, EOFError) as error:
        raise ArchiveError(f"{what} is no matrix of numpy's ({error})") from error
    if len(shape) != 2 or by_column or dtype.kind != "f" or shape[1] > 1 << 26:
        raise ArchiveError(f"{what} holds {dtype} {shape}, no matrix of floats row by row")
    return shape, dtype


def _plain(value: Any) -> Any:
    """A cell as Python has it; None where it is empty."""
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and value != value else value
