import io
import os
import tarfile
import zipfile

import numpy as np
import pytest

from demogen.errors import ArchiveError
from tests.zoo_recipes.importing import writers
from zoo_recipes.importing.formats import inflated
from zoo_recipes.importing.formats.archives import open_archive

RNG = np.random.default_rng(0)
FILES = {
    "a/one.json": b"{}",
    "a/b/large": RNG.bytes(300_000),
    "a/b/other": RNG.bytes(200_001),
    "empty": b"",
}


def forms(files, place):
    yield writers.as_folder(files, place / "folder")
    yield writers.as_tar(files, place / "x.tar")
    yield writers.as_tar(files, place / "x.tar.gz", compress=True)
    yield writers.as_zip(files, place / "x.zip")


def room(size):
    return memoryview(bytearray(b"x" * size))


def test_all_forms_hold_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(inflated, "POINT_BYTES", 100_000)
    for form in forms(FILES, tmp_path):
        with open_archive(form) as archive:
            assert archive.sizes == {name: len(content) for name, content in FILES.items()}
            # In any order, a file more than once.
            for name in [*FILES, *reversed(FILES), "a/b/other", "a/b/large"]:
                assert archive.read(name, 1 << 20) == FILES[name]
                assert archive.read_into(name, 1 << 20, room) == FILES[name]
            with archive.open("a/b/large") as file:
                assert file.read(1000) + file.read() == FILES["a/b/large"]
            with pytest.raises(ArchiveError, match=r"a/b/none is missing"):
                archive.read("a/b/none", 10)
            with pytest.raises(ArchiveError, match=r"has 300,000 bytes; at most 10 are read"):
                archive.read("a/b/large", 10)
            with pytest.raises(ArchiveError, match=r"a/b/none is missing"):
                archive.read_into("a/b/none", 10, room)
            with pytest.raises(ArchiveError, match=r"has 300,000 bytes; at most 10 are read"):
                archive.read_into("a/b/large", 10, room)


def test_names_with_a_dot_before_them(tmp_path):
    with open_archive(writers.as_tar({"./a/./b": b"x"}, tmp_path / "x.tar")) as archive:
        assert archive.read("a/b", 9) == b"x"


@pytest.mark.parametrize("name", ["../out", "/etc/out", "a/../../out", "a\\..\\out", "C:out"])
@pytest.mark.parametrize("kind", ["tar", "tar.gz", "zip"])
def test_names_that_lead_out_are_refused(name, kind, tmp_path):
    place, files = tmp_path / f"x.{kind}", {"good": b"", name: b"bad"}
    if kind == "zip":
        writers.as_zip(files, place)
    else:
        writers.as_tar(files, place, compress=kind == "tar.gz")
    with open_archive(place) as archive, pytest.raises(ArchiveError, match="leads out") as error:
        archive.sizes  # noqa: B018
    assert "\n" not in str(error.value)


def test_the_same_name_twice_is_refused(tmp_path):
    with tarfile.open(tmp_path / "x.tar", "w") as tar:
        for name in ("a/b", "./a/b"):
            tar.addfile(tarfile.TarInfo(name), io.BytesIO())
    with open_archive(tmp_path / "x.tar") as archive, pytest.raises(ArchiveError, match="twice"):
        archive.sizes  # noqa: B018


def test_links_are_not_followed_out(tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    folder = writers.as_folder({"inside/real": b"x"}, tmp_path / "folder")
    os.symlink(secret, folder / "out")
    os.symlink("inside/real", folder / "in")
    assert open_archive(folder).sizes == {"in": 1, "inside/real": 1}
    with tarfile.open(tmp_path / "x.tar", "w") as tar:
        for name, kind in (("soft", tarfile.SYMTYPE), ("hard", tarfile.LNKTYPE)):
            link = tarfile.TarInfo(name)
            link.type, link.linkname = kind, str(secret)
            tar.addfile(link)
    with open_archive(tmp_path / "x.tar") as archive:
        assert archive.sizes == {}
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as packed:
        link = zipfile.ZipInfo("soft")
        link.create_system, link.external_attr = 3, 0o120777 << 16
        packed.writestr(link, str(secret))
    with open_archive(tmp_path / "x.zip") as archive:
        assert archive.sizes == {}


@pytest.mark.parametrize("kind", ["tar", "tar.gz", "zip"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
def test_cut_archives_are_one_line(kind, share, tmp_path):
    place = tmp_path / f"x.{kind}"
    if kind == "zip":
        writers.as_zip(FILES, place)
    else:
        writers.as_tar(FILES, place, compress=kind == "tar.gz")
    content = place.read_bytes()
    place.write_bytes(content[: int(len(content) * share)])

    def read_all(**into):
        with open_archive(place) as archive:
            for name in archive.sizes:
                (archive.read_into if into else archive.read)(name, 1 << 20, **into)

    for into in ({}, {"memory": room}):
        with pytest.raises(ArchiveError) as error:
            read_all(**into)
        assert str(place) in str(error.value)
        assert "\n" not in str(error.value)


def test_what_is_no_archive_says_so(tmp_path):
    with pytest.raises(ArchiveError, match="there is no such folder or file"):
        open_archive(tmp_path / "none")
    (tmp_path / "text").write_text("hello" * 300)
    with pytest.raises(ArchiveError, match="neither a folder nor"):
        open_archive(tmp_path / "text")


def test_a_compressed_tar_is_read_twice_at_most(tmp_path, monkeypatch):
    files = {f"n{number:02}/weights": RNG.bytes(100_000) for number in range(20)}
    place = writers.as_tar(files, tmp_path / "x.tar.gz", compress=True)
    count = 0
    inner = inflated.Inflated._next

    def counted(self):
        nonlocal count
        piece = inner(self)
        count += len(piece)
        return piece

    monkeypatch.setattr(inflated.Inflated, "_next", counted)
    with open_archive(place) as archive:
        for name in sorted(archive.sizes):
            assert archive.read(name, 1 << 20) == files[name]
    assert count <= 2.2 * sum(map(len, files.values()))


def test_a_file_that_is_cut_while_it_is_read_is_named(tmp_path):
    place = writers.as_folder(FILES, tmp_path / "folder")
    with open_archive(place) as archive:
        assert archive.sizes["a/b/large"] == 300_000
        (place / "a/b/large").write_bytes(bytes(100))
        for read in (archive.read, lambda *a: archive.read_into(*a, room)):
            with pytest.raises(ArchiveError, match=r"a/b/large ends after 100 of 300,000 bytes"):
                read("a/b/large", 1 << 20)
