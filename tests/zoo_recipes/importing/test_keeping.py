"""What an import that was stopped has left, and what a later run makes of it."""

import pytest

from demogen.errors import ArchiveError, CorruptZooError
from demogen.zoo import writing
from tests.zoo_recipes.importing import writers
from zoo_recipes.importing import import_modelzoo, running


def interrupt_packing(archive, folder, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(running, "_pack", interrupted)
        with pytest.raises(KeyboardInterrupt):
            import_modelzoo(archive, folder=folder)


def test_what_an_earlier_run_has_left_is_hashed_again(tmp_path, monkeypatch):
    archive = writers.as_folder(writers.modelzoo_files(), tmp_path / "archive")
    accept, compared = writing.accept, []

    def noted(record, *rest, **options):
        compared.append(record.id)
        return accept(record, *rest, **options)

    monkeypatch.setattr(writing, "accept", noted)
    (whole,) = import_modelzoo(archive, folder=tmp_path / "whole")
    assert compared == []
    interrupt_packing(archive, tmp_path / "zoos", monkeypatch)
    (found,) = import_modelzoo(archive, folder=tmp_path / "zoos")
    assert compared == found.zoo.ids
    assert found.zoo.digest == whole.zoo.digest


def test_an_unfinished_import_of_another_archive_is_kept_apart(tmp_path, monkeypatch):
    archive = writers.as_tar(writers.modelzoo_files(), tmp_path / "archive.tar")
    other = writers.as_tar(writers.modelzoo_files(), tmp_path / "other.tar")
    interrupt_packing(archive, tmp_path / "zoos", monkeypatch)
    with pytest.raises(ArchiveError, match="begun from another archive or with other options"):
        import_modelzoo(other, folder=tmp_path / "zoos")


def test_a_piece_damaged_on_the_disk_is_found(tmp_path, monkeypatch):
    archive = writers.as_folder(writers.modelzoo_files(), tmp_path / "archive")
    interrupt_packing(archive, tmp_path / "zoos", monkeypatch)
    (weights,) = (tmp_path / "zoos").glob("*.importing/*/weights")
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)
    with pytest.raises(CorruptZooError, match=r"is damaged.*run the same command again"):
        import_modelzoo(archive, folder=tmp_path / "zoos")
    (found,) = import_modelzoo(archive, folder=tmp_path / "zoos")
    assert len(found.zoo) == 3
