"""The command `demogen train`: its options, as far as one sees them before networks are trained."""

import pytest

from demogen._util import paths
from demogen.cli import main
from tests.zoo_recipes.builders import TINY


def run(*arguments, capsys):
    """Exit code, standard output and standard error."""
    code = 0
    try:
        main(["train", *map(str, arguments)])
    except SystemExit as end:
        code = end.code
    return (code, *capsys.readouterr())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--shard", "0/10"], "there is no shard 0/10: of ten, say, there are 1/10 to 10/10"),
        (["--shard", "11/10"], "there is no shard 11/10: of ten, say, there are 1/10 to 10/10"),
        (["--shard", "x"], "shard 'x' is not written as 2/10: the second of ten"),
        (["--set", "epochs=0"], "training.epochs: Input should be greater than or equal to 1"),
        (["--set", "epochs=1", "--set", "steps=5"], "give either epochs or steps"),
        (["--set", "epoch=1"], "no factor of nin networks 'epoch'; did you mean 'epochs'"),
        (["--where", "widht=4"], "no factor of nin networks 'widht'; did you mean 'width'"),
        (["--where", "width=5"], "no network has width = 5; there are 4, 6, 8"),
        (["--ray", "local", "--workers", "2"], "--workers are processes here; on Ray give"),
        (["--precision", "float16"], "'float16' is not one of"),
        (["--device", "cuda:99"], "no device 'cuda:99' here"),
        (["--gpus-per-network", "0.25"], "--gpus-per-network is for a Ray cluster (--ray)"),
        (["--ray", "auto", "--device", "cuda"], "Ray gives networks no GPU unless asked"),
        (["--cpus-per-network", "0"], "0.0 is not in the range x>0"),
    ],
)
def test_a_fault_is_one_clear_line(capsys, tmp_path, arguments, message):
    code, _, errors = run(TINY, "--folder", tmp_path / "zoo", *arguments, capsys=capsys)
    assert code == 2
    assert errors.startswith("demogen: ")
    assert len(errors.splitlines()) == 1
    assert message in errors
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "name", "count"),
    [
        ([], "tiny", 24),
        (["--epochs", "1"], "tiny-epochs1", 24),
        (["--set", "steps=5", "--precision", "tf32"], "tiny-steps5-precisiontf32", 24),
        (["--where", "width=4,6"], "tiny-width4+6", 16),
    ],
)
def test_a_changed_recipe_goes_into_a_folder_of_its_own(capsys, arguments, name, count):
    code, out, _ = run(TINY, "--dry-run", *arguments, capsys=capsys)
    assert code == 0
    assert f"{count} of {count} networks wanted, 0 trained, {count} to train" in out
    assert out.strip().endswith(f", into {paths.zoos() / name}")


def test_a_variant_of_the_recipe_is_asked_for_by_name(capsys):
    arguments = ("--dry-run", "--where", "width=192", "--variant")
    code, out, _ = run("nin-cifar10", *arguments, "released", capsys=capsys)
    assert code == 0
    assert out.strip().endswith(f", into {paths.zoos() / 'nin-cifar10-released-width192'}")
    code, _, errors = run("nin-cifar10", *arguments, "relesed", capsys=capsys)
    assert code == 2
    assert "no variant of recipe nin-cifar10 'relesed'; did you mean 'released'" in errors


def test_a_shard_is_trained_and_said_to_be_no_zoo(capsys, tmp_path):
    folder = tmp_path / "zoo"
    arguments = (TINY, "--folder", folder, "--shard", "2/12", "--set", "steps=2", "--workers", "1")
    _, out, _ = run(*arguments, "--dry-run", capsys=capsys)
    planned = f"tiny, shard 2/12: 2 of 24 networks wanted, 0 trained, 2 to train, into {folder}"
    assert out.strip() == planned
    code, out, _ = run(*arguments, capsys=capsys)
    assert code == 0
    assert out.splitlines() == [
        planned,
        f"tiny, shard 2/12: 2 of 24 networks wanted, 2 trained, 0 to train, into {folder}; "
        "without --shard, the rest is trained and the zoo is packed",
    ]
    assert not folder.exists()
    _, out, _ = run(TINY, "--folder", folder, "--set", "steps=2", "--dry-run", capsys=capsys)
    assert "24 of 24 networks wanted, 2 trained, 22 to train" in out


@pytest.mark.parametrize("options", [["--dry-run"], []], ids=["dry run", "run"])
def test_a_place_that_cannot_be_written_is_named_before_training(capsys, tmp_path, options):
    (tmp_path / "file").touch()
    place = tmp_path / "file" / "zoo"
    code, _, errors = run(TINY, "--folder", place, *options, capsys=capsys)
    assert code == 2
    assert errors.splitlines() == [
        f"demogen: {place.parent} is no folder: give another folder",
    ]
