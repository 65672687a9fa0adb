import errno
import os

import pytest

from demogen.errors import explain_os_error, naming, os_fault


def error_of(number, *places):
    return OSError(number, os.strerror(number), *places)


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "free some space"),
        (errno.EDQUOT, "free some space"),
        (errno.EROFS, "choose another place"),
        (errno.EACCES, "choose another place"),
        (errno.EINVAL, "choose a folder on a local disk"),
        (errno.ENOLCK, "choose a folder on a local disk"),
        (errno.EOPNOTSUPP, "choose a folder on a local disk"),
        (errno.ENOSYS, "choose a folder on a local disk"),
        (errno.EXDEV, "choose a folder below it"),
        (errno.EMFILE, "ulimit -n"),
        (errno.ENAMETOOLONG, "choose a shorter name"),
        (errno.EIO, "run the same command again"),
        (errno.ENOENT, "check the name"),
    ],
)
def test_an_error_of_the_system_names_place_fault_and_remedy(number, remedy):
    said = explain_os_error(error_of(number, "/some/zoo"))
    assert said.startswith(f"/some/zoo: {os.strerror(number)}; ")
    assert remedy in said
    assert os_fault(error_of(number, "/some/zoo")) == said.removeprefix("/some/zoo: ")


def test_a_rename_names_what_it_would_have_made():
    moved = OSError(errno.EXDEV, "Invalid cross-device link", "/a/.scratch", None, "/b/zoo")
    assert explain_os_error(moved).startswith("/b/zoo: Invalid cross-device link; ")


def test_errors_without_a_number_keep_their_words():
    assert explain_os_error(OSError("no such\ncodec")) == "no such codec"
    missing = FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']")
    assert explain_os_error(missing).endswith("; set TMPDIR to a folder that you may write to")


def test_a_full_disk_is_named_after_the_file_was_opened():
    with (
        pytest.raises(OSError, match="No space left on device: '/dev/full'"),
        naming("/dev/full"),
        open("/dev/full", "wb", buffering=0) as file,
    ):
        file.write(b"x")
    with pytest.raises(OSError, match="'inner'"), naming("outer"), naming("inner"):
        raise error_of(errno.EIO)
    with pytest.raises(OSError, match="^in words$"), naming("outer"):
        raise OSError("in words")
