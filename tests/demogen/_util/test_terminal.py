import io

import pytest

from demogen._util import terminal


def written(monkeypatch, encoding, text):
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="strict")
    monkeypatch.setattr("sys.stdout", stream)
    terminal.show_everything()
    stream.write(text)
    stream.flush()
    return stream.buffer.getvalue()


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("ascii", b"Kendall tau_b <= -0.5 +- 1x... Psi cafe ?"),
        ("latin-1", b"Kendall tau_b <= -0.5 \xb1 1\xd7... Psi caf\xe9 ?"),
        ("utf-8", "Kendall τ_b ≤ −0.5 ± 1×… Ψ café 🦉".encode()),
    ],
)
def test_a_terminal_shows_what_it_lacks_in_ascii(monkeypatch, encoding, shown):
    assert written(monkeypatch, encoding, "Kendall τ_b ≤ −0.5 ± 1×… Ψ café 🦉") == shown


def test_names_of_files_that_are_no_text_go_out_as_they_came(monkeypatch):
    name = b"zoo-\xff\xfe".decode("utf-8", "surrogateescape")
    assert written(monkeypatch, "utf-8", name) == b"zoo-\xff\xfe"


def test_streams_of_other_programs_are_left_alone(monkeypatch):
    monkeypatch.setattr("sys.stdout", io.StringIO())
    monkeypatch.setattr("sys.stderr", None)
    terminal.show_everything()
