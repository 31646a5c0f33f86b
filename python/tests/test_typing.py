"""What type checkers are told."""

from __future__ import annotations

from pathlib import Path

import pytest

api = pytest.importorskip("mypy.api")

PROGRAM = """
import shoal
import shoal.context

shoal.Qeue()
shoal.nonsense
reveal_type(shoal.queues.Queue)
reveal_type(shoal.SegmentError())
reveal_type(shoal.get_context("fork"))
reveal_type(shoal.get_context("spawn").Process)
reveal_type(shoal.get_context())
"""


def test_misspelt_names_are_found_and_lazy_ones_are_known(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    said, errors, _ = api.run(
        ["--config-file=", f"--cache-dir={tmp_path}", "--no-error-summary", str(program)]
    )
    assert errors == ""
    lines = said.splitlines()
    assert [line for line in lines if "error:" in line] == lines[:2]
    assert 'has no attribute "Qeue"' in lines[0]
    assert 'has no attribute "nonsense"' in lines[1]
    revealed = [line.partition("note: ")[2] for line in lines[2:]]
    assert "shoal.queues.Queue" in revealed[0]
    assert revealed[1:] == [
        'Revealed type is "shoal._core.SegmentError"',
        'Revealed type is "shoal.context.ForkContext"',
        revealed[3],
        'Revealed type is "shoal.context.DefaultContext"',
    ]
    assert "shoal.process.SpawnProcess" in revealed[3]
