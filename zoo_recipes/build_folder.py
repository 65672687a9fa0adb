"""The folder in which a zoo's trained networks lie until it is whole: a folder each, or none."""

import errno
import json
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from demogen._util.files import read_bounded
from demogen._util.parsing import UnreadableError, json_data
from demogen.errors import CorruptZooError, RecipeError
from demogen.format.integrity import file_sha256, sync_folder, write_atomically
from demogen.schema.records import NetworkRecord, NetworkSpec, RunFacts, sha256
from zoo_recipes.optimization import Diverged
from zoo_recipes.training import TrainedNetwork

CHECKSUMS = "checksums.json"
"""Of record.json and run.json: a record by itself does not show that an accuracy is another one."""


@final
@dataclass(frozen=True)
class FinishedNetwork:
    """What the build folder holds of a trained network; the weights stay on the disk."""

    record: NetworkRecord
    run: RunFacts
    weights: Path


@final
@dataclass(frozen=True)
class BuildFolder:
    """`<zoo>.building`: one process at a time writes a network (see `zoo_recipes.locks`).

    A network is a folder named by its id, with record.json, run.json, the sha256 of both, and
    weights.safetensors, or with failed.json alone. It is written as `.<id>`, synced and renamed: it
    is there whole or not at all. images.json holds the digests of the images trained on.
    """

    zoo: Path

    @property
    def path(self) -> Path:
        """`<zoo>.building`."""
        return self.zoo.with_name(f"{self.zoo.name}.building")

    def has(self, spec: NetworkSpec) -> bool:
        """Whether a network is finished: trained, or known to fail."""
        return (self.path / spec.id).is_dir()

    def put(self, spec: NetworkSpec, outcome: TrainedNetwork | Diverged) -> None:
        """Keep a trained network, or why it failed.

        Raises:
            RecipeError: the disk is full; nothing of this network is left.
        """
        unfinished = self.path / f".{spec.id}"
        try:
            with space_for(self.path):
                unfinished.mkdir()
                _write(unfinished, outcome)
                unfinished.rename(self.path / spec.id)
                sync_folder(self.path)
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise

    def failure(self, spec: NetworkSpec) -> str | None:
        """Why a finished network failed; None: it is trained."""
        file = self.path / spec.id / "failed.json"
        return str(json_data(read_bounded(file))) if file.exists() else None

    def get(self, spec: NetworkSpec) -> FinishedNetwork | Diverged:
        """A finished network, checked.

        Raises:
            CorruptZooError: it is not what was put there.
        """
        folder = self.path / spec.id
        try:
            if (reason := self.failure(spec)) is not None:
                return Diverged(reason)
            contents = {name: read_bounded(folder / name) for name in ("record.json", "run.json")}
            # Builds that older versions began have none.
            if (folder / CHECKSUMS).exists():
                _check(contents, json_data(read_bounded(folder / CHECKSUMS)))
            record = NetworkRecord.model_validate(json_data(contents["record.json"]))
            run = RunFacts.model_validate(json_data(contents["run.json"]))
            weights = folder / "weights.safetensors"
            if record.spec == spec and file_sha256(weights) == record.weights_sha256:
                return FinishedNetwork(record, run, weights)
        except (FileNotFoundError, NotADirectoryError, ValueError) as error:
            raise CorruptZooError(f"{folder} is damaged ({type(error).__name__})") from error
        raise CorruptZooError(f"{folder} is damaged: its weights are not those that were trained")

    def remove(self, spec: NetworkSpec) -> None:
        """Remove a finished network, whole or not at all."""
        (self.path / spec.id).rename(self.path / f".{spec.id}")
        shutil.rmtree(self.path / f".{spec.id}")

    def keep_images(self, digests: Mapping[str, str]) -> None:
        """Hold all networks to these images: image set → digest.

        Raises:
            RecipeError: its networks were trained on others, or the disk is full.
        """
        file = self.path / "images.json"
        kept = self._kept_images(file) if file.exists() else {}
        for name, digest in digests.items():
            if kept.setdefault(name, digest) != digest:
                raise RecipeError(
                    f"the {name} images here (digest {digest[:12]}) are not those that the "
                    f"networks in {self.path} were trained on ({kept[name][:12]}): give the folder "
                    "with those images, or choose another folder for the zoo"
                )
        with space_for(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            write_atomically(file, json.dumps(kept, indent=1, sort_keys=True).encode())

    def _kept_images(self, file: Path) -> dict[str, str]:
        try:
            kept = json_data(read_bounded(file))
        except UnreadableError as error:
            raise RecipeError(f"{file} is damaged ({error}); remove {self.path}") from error
        if not isinstance(kept, dict) or not all(isinstance(one, str) for one in kept.values()):
            raise RecipeError(f"{file} is damaged (it holds no digests); remove {self.path}")
        return kept

    def clear_unfinished(self, specs: Iterable[NetworkSpec]) -> None:
        """Remove what a killed build left half written of these networks."""
        for spec in specs:
            shutil.rmtree(self.path / f".{spec.id}", ignore_errors=True)

    def clear_packing(self) -> None:
        """Remove what a killed build left half packed, half replaced or half removed."""
        for folder in self._left_over():
            shutil.rmtree(folder)

    def is_left(self) -> bool:
        """Whether the folder, or anything that a killed build left beside it, is still there."""
        return self.path.exists() or bool(self._left_over())

    def close(self) -> None:
        """Remove it: the zoo is whole."""
        # Under a name of its own first: a folder half removed would lack networks unnoticed.
        doomed = self.path.with_name(f".{self.zoo.name}-done-{secrets.token_hex(4)}")
        self.path.rename(doomed)
        shutil.rmtree(doomed)

    def _left_over(self) -> list[Path]:
        scratch = re.compile(rf"\.{re.escape(self.zoo.name)}-(writing|packing|old|done)-\w+")
        siblings = self.zoo.parent.iterdir() if self.zoo.parent.is_dir() else ()
        return sorted(path for path in siblings if scratch.fullmatch(path.name))


@contextmanager
def space_for(folder: Path) -> Iterator[None]:
    """Raise a RecipeError that says what to do where the disk, or the user's quota, is full."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise RecipeError(
            f"no space left to write {folder}: what was finished is kept; free some space and run "
            "the same command again"
        ) from error


def _write(folder: Path, outcome: TrainedNetwork | Diverged) -> None:
    if isinstance(outcome, Diverged):
        write_atomically(folder / "failed.json", json.dumps(str(outcome)).encode())
        return
    write_atomically(folder / "weights.safetensors", outcome.weights)
    contents = {
        "run.json": outcome.run.model_dump_json().encode(),
        "record.json": outcome.record.model_dump_json().encode(),
    }
    checksums = {name: sha256(content) for name, content in contents.items()}
    write_atomically(folder / CHECKSUMS, json.dumps(checksums, sort_keys=True).encode())
    for name, content in contents.items():
        write_atomically(folder / name, content)


def _check(contents: Mapping[str, bytes], checksums: Any) -> None:
    if checksums != {name: sha256(content) for name, content in contents.items()}:
        raise UnreadableError("a file is not the one that was written")
