"""A disk that is full costs no row: a file is written whole or not at all, and whoever writes it says so."""

import json
import resource
import signal
import subprocess

import pytest
from process import CLICKSTREAM, environment, require

GOOD = '{"timestamp":"2026-11-21T23:54:50Z","route":{"id":"a"}}\n'
BAD = '{"timestamp":"yesterday","route":{"id":"%d"}}\n'


def small_files():
    """Files can grow to 1 KiB only, and writing more is an error."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))


def forward(*arguments, limit=None, **variables):
    command = [require(CLICKSTREAM), "forward", "--quiet", *map(str, arguments)]
    return subprocess.run(command, env=environment(**variables), capture_output=True, preexec_fn=limit, timeout=60)


def rows(directory):
    """Returns the rows in a directory, in which nothing but whole rows may be."""
    files = sorted(directory.rglob("*")) if directory.exists() else []
    return [json.loads(line) for file in files if file.is_file() for line in file.read_text().splitlines()]


@pytest.fixture
def full_disk(tmp_path):
    """A file system of 64 KiB without a free byte, and the file that fills it."""
    disk = tmp_path / "full"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], capture_output=True)
    if mounted.returncode:
        pytest.skip("only root can mount a small file system")
    try:
        (disk / "rows").mkdir()
        fill = disk / "fill"
        with fill.open("wb", buffering=0) as out:
            while True:
                try:
                    out.write(bytes(1024))
                except OSError:
                    break
        yield disk, fill
    finally:
        subprocess.run(["umount", disk], check=True)


def test_rows_that_do_not_fit_fail_the_run_and_are_stored_once_there_is_room(tmp_path, full_disk):
    disk, fill = full_disk
    clicks = tmp_path / "two.json"
    clicks.write_text(GOOD + BAD % 1)

    full = forward(clicks, QUARANTINE=disk / "rows")
    assert full.returncode == 1, full.stderr
    assert b"its quarantine cannot be written: No space left on device" in full.stderr
    assert list((disk / "rows").iterdir()) == []

    fill.unlink()
    assert forward(clicks, QUARANTINE=disk / "rows").returncode == 0
    assert [row["source"]["index"] for row in rows(disk / "rows")] == [1]


@pytest.mark.parametrize("bad", [20, 20_000], ids=["a few rows", "many files of rows"])
def test_no_row_is_torn_or_lost_whatever_fails_while_they_are_written(tmp_path, bad):
    clicks, quarantine = tmp_path / "bad.json", tmp_path / "rows"
    clicks.write_text(GOOD + "".join(BAD % number for number in range(bad)))

    failed = forward(clicks, limit=small_files, QUARANTINE=quarantine)
    assert failed.returncode == 1, failed.stderr
    assert b"its quarantine cannot be written: File too large" in failed.stderr
    assert rows(quarantine) == []

    assert forward(clicks, QUARANTINE=quarantine).returncode == 0
    assert sorted(row["source"]["index"] for row in rows(quarantine)) == list(range(1, bad + 1))


def test_progress_that_does_not_fit_fails_the_run_and_the_next_one_goes_on(tmp_path):
    clicks, progress, out = tmp_path / "clicks", tmp_path / "progress.jsonl", tmp_path / "out"
    clicks.mkdir()
    for number in range(12):
        (clicks / f"{number}.json").write_text(GOOD.replace('"a"', f'"{number}"'))

    failed = forward("--jobs", 1, "--progress", progress, clicks, limit=small_files)
    assert failed.returncode != 0 and b"its progress cannot be kept" in failed.stderr, failed.stderr
    again = forward("--jobs", 1, "--progress", progress, clicks)
    assert again.returncode == 0, again.stderr
    links = [json.loads(line)["route"]["id"] for line in (failed.stdout + again.stdout).splitlines()]
    assert set(links) == {str(number) for number in range(12)}
    assert forward("--progress", progress, clicks).stdout == b""
