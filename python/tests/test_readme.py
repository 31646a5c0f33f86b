"""The Python programs of the READMEs, as they stand there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_the_program_of_the_readme_prints_three_lines(name: str, tmp_path: Path) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    found = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert found is not None
    program = tmp_path / "program.py"
    program.write_text(found[1], encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, program], capture_output=True, text=True, timeout=60, check=True
    )
    assert ended.stdout == "line 0\nline 1\nline 2\n"
    assert ended.stderr == ""


def test_both_readmes_show_the_same_programs() -> None:
    def programs(name: str) -> list[str]:
        text = (ROOT / name).read_text(encoding="utf-8")
        blocks = re.findall(r"```(?:cpp|python)\n(.*?)```", text, re.DOTALL)
        return [re.sub(r"\s*(//|#) .*", "", block) for block in blocks]

    assert programs("README.md") == programs("README.zh-CN.md")
