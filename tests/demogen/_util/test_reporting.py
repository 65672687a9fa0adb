"""What commands tell: outcomes and notes, for a reader and for a program."""

import json
import logging
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from demogen import cli_options
from demogen._util.reporting import log_as_notes, note, shows_progress, tell, tell_meanwhile


@click.command()
@cli_options.outcome
def work():
    note("on the way")
    tell_meanwhile("the first half\x1b[2J")
    tell(
        "the whole", path=Path("a/b"), share=float("nan"), names=["x\n"], progress=shows_progress()
    )
    tell(None, more=1)


def test_a_reader_gets_text_and_notes_beside_it():
    done = CliRunner().invoke(work)
    assert done.stdout == "the first half\\x1b[2J\nthe whole\n"
    assert done.stderr == "on the way\n"


def test_a_program_gets_one_object_a_line_and_nothing_else():
    done = CliRunner().invoke(work, ["--json"])
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {"path": "a/b", "share": None, "names": ["x\n"], "progress": True},
        {"more": 1},
    ]
    assert done.stderr == "on the way\nthe first half\\x1b[2J\n"


def test_quiet_leaves_out_notes_and_progress_and_no_outcome():
    assert CliRunner().invoke(work, ["-q"]).stdout == "the first half\\x1b[2J\nthe whole\n"
    done = CliRunner().invoke(work, ["--quiet", "--json"])
    assert done.stderr == ""
    assert json.loads(done.stdout.splitlines()[0])["progress"] is False


def test_without_a_command_outcomes_are_text(capsys):
    tell("said", fact=1)
    assert capsys.readouterr().out == "said\n"


def test_what_the_program_logs_is_a_note(caplog):
    @click.command()
    @cli_options.outcome
    def waiting():
        with log_as_notes("demogen.hub"):
            logging.getLogger("demogen.hub").warning("waiting %d s\x1b[2J", 3)

    assert CliRunner().invoke(waiting).stderr == "demogen: waiting 3 s\\x1b[2J\n"
    assert CliRunner().invoke(waiting, ["-q"]).stderr == ""
    assert caplog.records == []
    logging.getLogger("demogen.hub").warning("as ever")
    assert [record.getMessage() for record in caplog.records] == ["as ever"]


def test_what_json_cannot_hold_is_a_fault_of_ours():
    @click.command()
    @cli_options.outcome
    def wrong():
        tell("said", fact=object())

    with pytest.raises(TypeError, match="object is no outcome"):
        CliRunner().invoke(wrong, ["--json"], catch_exceptions=False)
