"""The log collector in examples/: its three programs do the same, and lose nothing."""

from __future__ import annotations

import gzip
import os
import random
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from log_collector_runs import (
    CONTENTS,
    LIMIT,
    VARIANTS,
    collected,
    command,
    escape,
    expected_lines,
    raw_lines,
    session_of,
    unescape,
)
from waiting import wait_until


@pytest.fixture(params=VARIANTS)
def variant(request: pytest.FixtureRequest) -> str:
    return str(request.param)


Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "out.log"


@pytest.fixture
def run(output: Path) -> Run:
    def run(variant: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        words = [*command(variant), "--output", str(output), *map(str, arguments)]
        return subprocess.run(words, capture_output=True, text=True, timeout=LIMIT)

    return run


@pytest.fixture
def inputs(tmp_path: Path) -> list[Path]:
    directory = tmp_path / "logs"
    directory.mkdir()
    for name, content in CONTENTS.items():
        stored = gzip.compress(content) if name.endswith(".gz") else content
        (directory / name).write_bytes(stored)
        os.utime(directory / name, (1_700_000_000, 1_700_000_000))
    return sorted(directory.iterdir())


def test_each_line_is_written_once_byte_for_byte(
    variant: str, start_method: str, run: Run, inputs: list[Path], output: Path
) -> None:
    result = run(variant, "--start-method", start_method, *inputs)
    assert result.returncode == 0, result.stdout + result.stderr
    assert raw_lines(output) == expected_lines(*CONTENTS.values())
    text = output.read_text(encoding="utf-8")
    assert text.count("] 工作完成\n") == 4
    assert text.endswith(" - INFO - 日志收集器正在关闭...\n")
    assert result.stdout.endswith(
        f"in order: yes\n多进程日志收集演示完成\n查看 {output} 文件获取详细日志\n"
    )


@pytest.mark.parametrize("language", ["cpp", "python"])
def test_no_line_is_lost_or_doubled_when_a_worker_is_killed(
    variant: str, language: str, start_method: str, run: Run, inputs: list[Path], output: Path
) -> None:
    kill = ["--kill", language] if variant.startswith("mixed") else []
    if not kill and language != variant:
        pytest.skip("has no such worker")
    result = run(variant, "--kill-one", *kill, "--start-method", start_method, *inputs)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "killed by SIGKILL, had not read " in result.stdout
    assert re.search(r"lines, by Worker-4$", result.stdout, re.M)
    assert re.search(r"^Worker-4 .* done, in place of Worker-\d$", result.stdout, re.M)
    assert raw_lines(output) == expected_lines(*CONTENTS.values())


def test_a_worker_with_two_lines_is_killed_in_mid_work(
    variant: str, run: Run, tmp_path: Path, output: Path
) -> None:
    file = tmp_path / "two.log"
    file.write_bytes(b"first\nsecond\n")
    result = run(variant, "--kill-one", file)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "killed by SIGKILL" in result.stdout
    assert raw_lines(output) == expected_lines(file.read_bytes())


def test_all_variants_write_the_same_lines_of_whatever_bytes(
    run: Run, tmp_path: Path, output: Path
) -> None:
    pieces = [
        *(b"2025-11-21", b"2025/02/30", b"1969-01-01", b"T", b" ", b"  ", b"23:52:54", b"24:00:00"),
        *(
            b".123",
            b",1234567",
            b"Z",
            b" UTC",
            b"+01:00",
            b"-0930",
            b"+99:99",
            b"Nov 21 ",
            b"Feb 29 ",
        ),
        *(b"Dec  5 ", b"[21/Nov/2025:23:52:54 +0100]", b"[error]", b"(WARN)", b"<crit>", b"ERROR:"),
        *(
            b"warning:",
            b"level=info",
            b'"level": "debug"',
            b"FATAL",
            b"core:notice]",
            b"[core:alert]",
        ),
        *(
            b"\t",
            b"\\",
            b"\\x41",
            b"x00",
            b"\xe4\xb8\xad",
            b"\xe4\xb8",
            b"\xc2\x85",
            b"\xff",
            b"\0",
            b"\r",
        ),
        *(b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xf0\x9f\x90\x9f", b"\xc0\x80", b"7", b"x" * 50),
    ]
    seed = random.randrange(2**32)
    print("seed", seed)  # shown where the test fails
    choose = random.Random(seed)
    lines = [b"".join(choose.choices(pieces, k=choose.randrange(9))) for _ in range(4000)]
    file = tmp_path / "fuzz.log"
    file.write_bytes(b"\n".join(lines) + b"\n")

    results = {}
    for variant in ["cpp", "python"]:
        assert run(variant, file).returncode == 0
        results[variant] = collected(output)
        output.unlink()
    assert results["cpp"] == results["python"]
    assert [unescape(message) for _, _, message in results["cpp"]] == lines
    assert all(unescape(escape(line)) == line for line in lines)


def test_timestamp_and_level_are_recognised(
    variant: str, run: Run, tmp_path: Path, output: Path
) -> None:
    expected = {
        "no time yet": ("2023-11-14", "INFO"),
        "2025-11-21T23:52:54.123456 [error] it": ("2025-11-21 23:52:54,123", "ERROR"),
        "and goes on": ("2025-11-21 23:52:54,123", "INFO"),
        "Nov 13 03:04:05 host app: WARNING: syslog": ("2023-11-13 03:04:05,000", "WARNING"),
        "Dec 31 03:04:05 host the year before": ("2022-12-31 03:04:05,000", "INFO"),
        "2025-06-24 14:36:25 startup archives unpack": ("2025-06-24 14:36:25,000", "INFO"),
        '1.2.3.4 - [21/Nov/2025:23:52:54] "GET /"': ("2025-11-21 23:52:54,000", "INFO"),
        '{"level": "fatal"} 2025-02-30 is no day': ("2025-11-21 23:52:54,000", "CRITICAL"),
        "2024/02/29 00:00:00,5 DEBUG there": ("2024-02-29 00:00:00,500", "DEBUG"),
        "terror: information about errors": ("2024-02-29 00:00:00,500", "INFO"),
    }
    file = tmp_path / "formats.log"
    file.write_text("".join(f"{line}\n" for line in expected))
    os.utime(file, (1_700_000_000, 1_700_000_000))
    assert run(variant, file).returncode == 0
    found = {message: (time, level) for time, level, message in collected(output)}
    assert found.keys() == expected.keys()
    for line, (time, level) in expected.items():
        assert found[line][0].startswith(time), line
        assert found[line][1] == level, line


def test_a_file_that_cannot_be_read_is_named_and_the_rest_goes_on(
    variant: str, run: Run, inputs: list[Path], tmp_path: Path, output: Path
) -> None:
    cut = tmp_path / "cut.gz"
    cut.write_bytes(gzip.compress(b"kept\n" * 100, mtime=0)[:-8])
    missing = tmp_path / "missing.log"
    os.mkfifo(tmp_path / "fifo")
    result = run(variant, *inputs, missing, cut, tmp_path / "fifo")
    assert result.returncode == 1
    assert f"could not be read: {missing}: No such file or directory\n" in result.stdout
    assert f"could not be read: {cut}: Damaged gzip file: " in result.stdout
    assert f"could not be read: {tmp_path}/fifo: Not a regular file\n" in result.stdout
    assert f"3 of {len(inputs) + 3} files could not be read\n" in result.stdout
    assert "ERROR - [Worker-" in output.read_text(encoding="utf-8")
    assert raw_lines(output) >= expected_lines(*CONTENTS.values(), b"kept\n" * 100)


def test_of_a_damaged_gzip_file_what_comes_before_the_damage_is_kept(
    variant: str, run: Run, tmp_path: Path, output: Path
) -> None:
    content = b"".join(b"2024-02-29 12:00:00 ERROR line %d\n" % i for i in range(20_000))
    packed = gzip.compress(content, mtime=0)
    wrong_sum = tmp_path / "sum.gz"
    wrong_sum.write_bytes(packed[:-8] + b"\0\0\0\0" + packed[-4:])
    wrong_middle = tmp_path / "middle.gz"
    wrong_middle.write_bytes(packed[:20_000] + b"\xff" * 50 + packed[20_050:])
    result = run(variant, wrong_sum, wrong_middle)
    assert result.returncode == 1
    assert f"could not be read: {wrong_sum}: Damaged gzip file: incorrect data check\n" in (
        result.stdout
    )
    assert f"could not be read: {wrong_middle}: Damaged gzip file: " in result.stdout
    # All before the damage, but for a last piece that zlib keeps to itself in C++ (16 KiB).
    kept = raw_lines(output) & expected_lines(content)
    assert kept.total() > 19_000


def test_below_a_directory_binary_files_are_passed_over(
    variant: str, run: Run, inputs: list[Path], output: Path
) -> None:
    result = run(variant, inputs[0].parent)
    assert result.returncode == 0
    assert "passed over below directories: 1 binary, 0 unreadable\n" in result.stdout
    text = (content for name, content in CONTENTS.items() if name != "binary.dat")
    assert raw_lines(output) == expected_lines(*text)


def test_a_timeout_is_logged_and_survived(variant: str, run: Run, output: Path) -> None:
    result = run(variant, "--demo", "--seconds", "0.6", "--workers", 1, "--timeout", "0.1")
    assert result.returncode == 0, result.stdout + result.stderr
    text = output.read_text(encoding="utf-8")
    assert " - ERROR - 日志收集出错: Empty (0.1 秒内没有日志)\n" in text
    assert re.search(r" - INFO - \[Worker-0\] 正在执行: ....\n", text)
    assert " - INFO - [Worker-0] 工作完成\n" in text
    assert text.endswith(" - INFO - 日志收集器正在关闭...\n")


def test_an_output_that_cannot_be_written_ends_it_with_an_error(
    variant: str, inputs: list[Path]
) -> None:
    for output in ("/dev/full", "/nonexistent/out.log"):
        words = [*command(variant), "--output", output, *map(str, inputs)]
        result = subprocess.run(words, capture_output=True, text=True, timeout=LIMIT)
        assert result.returncode == 1
        assert "log_collector: " in result.stderr
        assert "Traceback" not in result.stderr


def test_a_table_that_cannot_be_written_is_an_error(
    variant: str, inputs: list[Path], output: Path
) -> None:
    words = [*command(variant), "--output", str(output), *map(str, inputs)]
    with open("/dev/full", "w") as full:
        result = subprocess.run(
            words, stdout=full, stderr=subprocess.PIPE, text=True, timeout=LIMIT
        )
    assert result.returncode == 1
    assert "No space left on device" in result.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_all_and_leaves_nothing(
    variant: str, start_method: str, number: signal.Signals, output: Path
) -> None:
    words = [*command(variant), "--demo", "--start-method", start_method, "--output", str(output)]
    process = subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    wait_until(lambda: output.exists() and output.stat().st_size > 0)
    os.killpg(process.pid, number) if number == signal.SIGINT else process.terminate()
    _, errors = process.communicate(timeout=LIMIT)
    assert process.returncode == 128 + number
    assert b"Traceback" not in errors
    wait_until(lambda: not session_of(process.pid))
    assert [
        name for name in os.listdir("/dev/shm") if f"log-collector-{process.pid}-" in name
    ] == []
