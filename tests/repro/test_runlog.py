"""The log is read however a run, a disk or a hand left it."""

import pytest

from repro import runlog

WHOLE = b'{"step": 100, "loss": 0.5}\n{"step": 200, "loss": 0.25}\n'


def test_no_file_is_no_entries(tmp_path):
    assert runlog.read(tmp_path / "log.jsonl") == []


@pytest.mark.parametrize("line", [
    b'{"step": 300, "lo', b"\xff\xfe\x00", b"[" * 100_000, b'{"loss": 1.0}', b'{"step": "300"}',
    b"300", b"null", b"", b"\x00" * 50,
], ids=["cut short", "no UTF-8", "deep", "no step", "step a text", "a number", "null", "empty",
        "zeros"])
def test_a_line_that_is_no_entry_is_left_out(tmp_path, line):
    path = tmp_path / "log.jsonl"
    for content in (WHOLE + line, line + b"\n" + WHOLE):
        path.write_bytes(content)
        assert [entry["step"] for entry in runlog.read(path)] == [100, 200]
