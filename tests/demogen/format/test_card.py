"""The dataset card: what the Hub, its clients and people read in it."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from huggingface_hub import DatasetCard

from demogen import load_zoo
from demogen.description import citation
from demogen.format.card import bibtex, dataset_card, folder_card, is_sealed
from demogen.format.integrity import read_manifest
from tests.hub.fixtures import LoopbackHub
from tests.hub.server import WRITER
from tests.hub.small_zoo import publish, pull

# The Hub's client hands an open file to its HTTP library in a way that library is giving up.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning")

ODD = (
    *("a: b", '"quoted" \\ #x', "- item", "null", "{x}", "tab\tand\nline", "née\u2028\x85\x7f\x00"),
    *("\U0001f600", "---", "a|b *c* <script> [l](http://x) `d` $e$", "", " "),
)


@pytest.fixture
def card(tiny_zoo_folder: Path) -> str:
    return (tiny_zoo_folder / "README.md").read_text()


def of(folder: Path, **changed: object) -> str:
    """The card of a folder's zoo under another manifest."""
    zoo = load_zoo(folder)
    return dataset_card(zoo.manifest.model_copy(update=changed), zoo.table, dict(zoo.splits))


def rows(text: str, section: str) -> dict[str, list[str]]:
    """First cell → other cells, of all tables in a section."""
    part = text.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    lines = re.findall(r"(?m)^\| (.*) \|$", part)
    cells = [re.split(r"(?<!\\) \| ", line) for line in lines]
    return {first: rest for first, *rest in cells}


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"(?ms)^```{language}\n(.*?)\n```$", text)


def test_the_hub_reads_what_it_shows(card: str) -> None:
    read = DatasetCard(card)
    assert read.data.license == "apache-2.0"
    assert read.data.pretty_name == "tiny"
    assert read.data.size_categories == ["n<1K"]
    assert {"demogen", "generalization"} <= set(read.data.tags)
    assert read.data.configs == [
        {"config_name": "networks", "data_files": "networks.parquet", "default": True},
        {"config_name": "runs", "data_files": "runs.parquet"},
    ]
    assert read.text.startswith("\n# tiny: 24 trained networks\n")


@pytest.mark.parametrize(
    ("networks", "size"),
    [(999, "n<1K"), (1000, "1K<n<10K"), (300_000, "100K<n<1M"), (2_000_000, "1M<n<10M")],
)
def test_sizes_in_the_words_of_the_hub(tiny_zoo_folder: Path, networks: int, size: str) -> None:
    assert DatasetCard(of(tiny_zoo_folder, networks=networks)).data.size_categories == [size]


def test_grid_and_outcome_are_those_of_the_table(card: str, tiny_zoo_folder: Path) -> None:
    table = load_zoo(tiny_zoo_folder).table
    found = rows(card, "Networks")
    assert found["`width`"] == ["4 (8), 6 (8), 8 (8)"]
    assert found["`batch_norm`"] == ["False (12), True (12)"]
    assert found["`corruption`"] == ["0 (12), 0.5 (12)"]
    gap = table["train_accuracy"] - table["test_accuracy"]
    expected = [gap.mean(), gap.std(), gap.min(), gap.max()]
    assert found["`gap`"] == [f"{value:.3f}" for value in expected]
    assert "`seed`" not in found
    assert "24 of 24 planned networks were trained. None failed." in card


def test_how_it_was_made(card: str, tiny_zoo_folder: Path) -> None:
    manifest, made = read_manifest(tiny_zoo_folder), rows(card, "How it was made")
    assert made["paper"] == ["None: networks for tests (-), `tests`"]
    assert made["recipe"] == [f"`{manifest.recipe_digest}` (sha256)"]
    assert made["images digits"] == [
        f"`{manifest.image_sets['digits']}` (sha256 of pixels and labels)"
    ]
    assert made["`optimizer`"] == ["adam"]
    assert made["`train_size`"] == ["100"]
    assert made["`epochs`"] == ["8"]
    assert made["training ended by"] == ["epochs (24)"]
    assert re.search(r"torch \d", made["trained with"][0])
    # Adam has no such setting, the grid varies the others.
    assert set(made).isdisjoint({"`momentum`", "`width`", "`corruption`", "`l2_on`", "`seed`"})


def test_splits_and_how_to_cite_them(card: str, tiny_zoo_folder: Path) -> None:
    zoo = load_zoo(tiny_zoo_folder)
    for name, split in zoo.splits.items():
        assert rows(card, "Splits")[name] == [str(len(split.tests)), f"`{split.digest}`"]
    assert zoo.splits["grouped-kfold-10"].citation() in card
    assert zoo.digest in card
    few = dataset_card(zoo.manifest, zoo.table, {})
    assert "None: too few networks." in few


def test_the_bibtex_is_the_one_that_is_cited(tiny_zoo_folder: Path) -> None:
    zoo = load_zoo(tiny_zoo_folder)
    paper = "@article{key,\n  title = {A {Title}}\n}"
    manifest = zoo.manifest.model_copy(
        update={"paper": zoo.manifest.paper.model_copy(update={"bibtex": f"\n{paper}\n"})}
    )
    assert citation(zoo).startswith(bibtex(zoo.manifest) + "\n\n")
    assert zoo.digest in citation(zoo)
    (shown,) = blocks(dataset_card(manifest, zoo.table, {}, repository="o/n_1"), "bibtex")
    assert shown == bibtex(manifest, repository="o/n_1")
    assert shown.startswith(paper + "\n\n@misc{tiny-zoo-")
    assert r"dataset o/n\_1 on the" in shown


def test_what_failed_and_why(tiny_zoo_folder: Path) -> None:
    failed = {f"nin-{number:02}": "the loss is nan | inf\nat step 3" for number in range(30)}
    card = of(tiny_zoo_folder, failed=failed, planned=216)
    assert "24 of 216 planned networks were trained. 30 could not be:" in card
    found = rows(card, "Networks")
    assert found["nin-07"] == [r"the loss is nan \| inf at step 3"]
    assert "nin-29" not in found
    assert "The others are in `zoo.json`" in card


@pytest.mark.parametrize("odd", ODD)
def test_odd_names_stay_names(tiny_zoo_folder: Path, odd: str) -> None:
    paper = read_manifest(tiny_zoo_folder).paper.model_copy(
        update={"title": odd, "section": odd, "bibtex": f"{odd}\n```\n# no heading"}
    )
    card = of(tiny_zoo_folder, name=odd, paper=paper, failed={odd: odd}, image_sets={odd: "1" * 64})
    header = yaml.safe_load(card.split("---\n")[1])
    assert header["pretty_name"] == odd
    assert header["license"] == "apache-2.0"
    body = card.partition("\n---\n")[2]
    outside = re.sub(r"(?ms)^(`{3,})\w+\n.*?^\1$", "", body)
    heads = ["Networks", "How it was made", "Layout", "Splits", "Cite"]
    assert re.findall("(?m)^## (.*)", outside) == heads
    assert len(re.findall("(?m)^# ", outside)) == 1
    text = re.sub(r"(?<!\\)`[^`\n]*`", "", outside.rpartition("<!--")[0])
    assert re.search(r"(?<!\\)[<>`*\[]", text) is None
    assert all(len(cells) == 1 for cells in rows(card, "How it was made").values())
    assert is_sealed(card.encode())


def test_levels_are_counted_in_order_and_summed_up_where_they_are_many(
    tiny_zoo_folder: Path,
) -> None:
    zoo = load_zoo(tiny_zoo_folder)
    table = zoo.table.copy()
    table["l2"] = [number / 8 for number in range(24)]
    table["width"] = [10, 9, 100] * 8
    table["depth"] = table["depth"].astype("Int64")
    table.loc[table.index[:5], "depth"] = 3
    table["augmentation"] = [("flip", "crop"), ()] * 12
    found = rows(dataset_card(zoo.manifest, table, {}), "Networks")
    assert found["`l2`"] == ["24 levels from 0 to 2.875"]
    assert found["`width`"] == ["9 (8), 10 (8), 100 (8)"]
    assert found["`depth`"] == ["none (19), 3 (5)"]
    assert found["`augmentation`"] == ["none (12), flip + crop (12)"]


def test_a_card_knows_whether_it_was_edited(card: str, tiny_zoo_folder: Path) -> None:
    text = card.encode()
    assert is_sealed(text)
    assert card == folder_card(tiny_zoo_folder, read_manifest(tiny_zoo_folder))
    for edited in (text + b"\n", b"x" + text, text.replace(b"tiny", b"Tiny"), text[:-70], b""):
        assert not is_sealed(edited)


def test_its_examples_run(
    card: str,
    tiny_zoo_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tiny_zoo_folder)
    before = sorted(tiny_zoo_folder.rglob("*"))
    seen: dict[str, Any] = {}
    for code in blocks(card, "python"):
        exec(code, seen)
    assert seen["table"].num_rows == len(seen["zoo"]) == 24
    assert seen["member"]["__key__"] == f"{seen['network'].id}/network"
    last = seen["network"].module.state_dict()
    assert seen["weights"].keys() == last.keys()
    assert seen["network"].id in capsys.readouterr().out
    assert sorted(tiny_zoo_folder.rglob("*")) == before


class TestPushed:
    def push(self, hub: LoopbackHub, folder: Path, **more: object) -> str:
        publish(hub, folder, **more)
        return (pull(hub) / "README.md").read_text()

    def test_it_gets_the_name_of_the_repository(
        self, hub: LoopbackHub, copied_zoo_folder: Path
    ) -> None:
        before = (copied_zoo_folder / "README.md").read_bytes()
        card = self.push(hub, copied_zoo_folder)
        assert 'demogen.load_zoo("ours/tiny")' in card
        assert 'datasets.load_dataset("ours/tiny", "networks", split="train")' in card
        assert "hf://datasets/ours/tiny/shards/*.tar" in card
        assert (copied_zoo_folder / "README.md").read_bytes() == before
        assert publish(hub, copied_zoo_folder).changes == 0
        assert is_sealed(card.encode())

    def test_one_that_was_pulled_gets_a_new_name(
        self, hub: LoopbackHub, tiny_zoo_folder: Path, tmp_path: Path
    ) -> None:
        from demogen.hub import publishing

        publishing.push(
            tiny_zoo_folder, "theirs/old", endpoint=hub.endpoint, token=WRITER, progress=False
        )
        from demogen.hub import download

        download.pull("theirs/old", tmp_path / "pulled", endpoint=hub.endpoint)
        assert "theirs/old" in (tmp_path / "pulled/README.md").read_text()
        card = self.push(hub, tmp_path / "pulled")
        assert "ours/tiny" in card
        assert "theirs/old" not in card

    def test_an_edited_one_is_sent_as_it_is(
        self, hub: LoopbackHub, copied_zoo_folder: Path
    ) -> None:
        text = (copied_zoo_folder / "README.md").read_text().replace("apache-2.0", "mit")
        (copied_zoo_folder / "README.md").write_text(text)
        assert self.push(hub, copied_zoo_folder) == text

    def test_a_missing_one_is_made(self, hub: LoopbackHub, copied_zoo_folder: Path) -> None:
        (copied_zoo_folder / "README.md").unlink()
        assert 'demogen.load_zoo("ours/tiny")' in self.push(hub, copied_zoo_folder)

    def test_measurements_are_shown_too(self, hub: LoopbackHub, copied_zoo_folder: Path) -> None:
        (copied_zoo_folder / "measurements").mkdir()
        for name in ("b", "a"):
            shutil.copy(
                copied_zoo_folder / "runs.parquet",
                copied_zoo_folder / f"measurements/{name}.parquet",
            )
        configs = DatasetCard(self.push(hub, copied_zoo_folder)).data.configs
        assert configs[2:] == [
            {"config_name": f"measurements-{name}", "data_files": f"measurements/{name}.parquet"}
            for name in ("a", "b")
        ]
