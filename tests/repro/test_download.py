"""A local server that misbehaves in every way, and a file that arrives whole or not at all."""

import contextlib
import errno
import hashlib
import http.server
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from repro import download
from repro.download import fetch
from repro.errors import ReproError

ROOT = Path(__file__).resolve().parents[2]
CONTENT = bytes(i * i % 251 for i in range(1_000_003))
SIZE = len(CONTENT)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server:
    """Plays one answer a connection, the last one again and again, and notes every Range asked for.

    An answer sends what `said` names: a status, headers, a body, and drops the connection.
    """

    def __init__(self):
        self.answers, self.asked = [], []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.asked.append(self.headers["Range"])
                answer = outer.answers.pop(0) if len(outer.answers) > 1 else outer.answers[0]
                with contextlib.suppress(ConnectionError):
                    answer(self)

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/data.bin"


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(download, "PAUSES", (0, 0, 0))
    server = Server()
    thread = threading.Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.http.shutdown()
    server.http.server_close()
    thread.join()


def head(request, status, **headers):
    request.send_response(status)
    for name, value in headers.items():
        request.send_header(name.replace("_", "-"), str(value))
    request.end_headers()


def start_of(request):
    asked = request.headers["Range"]
    return int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0


def sound(most=SIZE, content=CONTENT):
    """Honours Range; drops the connection after so many bytes."""
    def answer(request):
        start = start_of(request)
        if start:
            head(request, 206, Content_Length=len(content) - start,
                 Content_Range=f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            head(request, 200, Content_Length=len(content))
        request.wfile.write(content[start:start + most])
    return answer


def ignoring(most=SIZE):
    """Knows nothing of Range."""
    def answer(request):
        head(request, 200, Content_Length=SIZE)
        request.wfile.write(CONTENT[:most])
    return answer


def unsized(content):
    """Does not say how long its answer is."""
    def answer(request):
        head(request, 200)
        request.wfile.write(content)
    return answer


def in_two(first, second):
    """Says no length, and sends what is too much a moment later."""
    def answer(request):
        unsized(first)(request)
        request.wfile.flush()
        time.sleep(0.2)
        request.wfile.write(second)
    return answer


def status(code):
    return lambda request: head(request, code, Content_Length=0)


def get(server, path, **changed):
    fetch(server.url, path, **{"size": SIZE, "sha256": SHA256, **changed})


def part(path):
    return path.with_name(path.name + ".part")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "cache" / "data.bin"


def assert_whole(path):
    assert path.read_bytes() == CONTENT
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("answer", [sound(), ignoring(), unsized(CONTENT)])
def test_a_file_is_fetched_and_progress_told(server, path, answer):
    server.answers, told = [answer], []
    get(server, path, progress=lambda done, total: told.append((done, total)))
    assert_whole(path)
    assert told[0] == (0, SIZE) and told[-1] == (SIZE, SIZE) and told == sorted(told)
    assert len(told) > 3 and server.asked == [None]


def test_a_file_that_is_there_needs_no_network_and_no_right_to_write(path, monkeypatch):
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    monkeypatch.setattr(download, "_only_writer", None)
    fetch("http://nowhere.invalid/data.bin", path, size=SIZE, sha256=SHA256)
    assert_whole(path)


@pytest.mark.parametrize("there", [b"", CONTENT[:-1], b"\x01" + CONTENT[1:], CONTENT + b"x"])
def test_another_file_in_its_place_is_replaced(server, path, there):
    path.parent.mkdir()
    path.write_bytes(there)
    server.answers = [sound()]
    get(server, path)
    assert_whole(path)


def test_a_dropped_connection_is_resumed_within_a_call(server, path):
    server.answers, told = [sound(300_000), sound(300_000), sound()], []
    get(server, path, progress=lambda done, total: told.append(done))
    assert_whole(path)
    assert server.asked == [None, "bytes=300000-", "bytes=600000-"] and told == sorted(told)


def test_a_call_gives_up_in_the_end_and_the_next_one_resumes(server, path):
    server.answers = [sound(100_000)]
    with pytest.raises(ReproError, match=r"dropped; 400,000 of 1,000,003 bytes are there, and "
                                         r"running again resumes"):
        get(server, path)
    assert part(path).read_bytes() == CONTENT[:400_000] and not path.exists()
    assert len(server.asked) == 4
    server.answers = [sound()]
    get(server, path)
    assert_whole(path)
    assert server.asked[4:] == ["bytes=400000-"]


def test_a_server_that_ignores_ranges_starts_over(server, path):
    server.answers = [ignoring(300_000), ignoring()]
    get(server, path)
    assert_whole(path)
    assert server.asked == [None, "bytes=300000-"]


def test_a_server_that_answers_416_starts_over(server, path):
    server.answers = [sound(300_000), status(416), sound()]
    get(server, path)
    assert_whole(path)
    assert server.asked == [None, "bytes=300000-", None]


def test_a_server_that_answers_another_range_starts_over(server, path):
    def shifted(request):
        head(request, 206, Content_Length=SIZE - 300_001,
             Content_Range=f"bytes 300001-{SIZE - 1}/{SIZE}")
        request.wfile.write(CONTENT[300_001:])
    server.answers = [sound(300_000), shifted, sound()]
    get(server, path)
    assert_whole(path)
    assert server.asked == [None, "bytes=300000-", None]


def test_a_part_longer_than_the_file_starts_over(server, path):
    path.parent.mkdir()
    part(path).write_bytes(CONTENT + b"x")
    server.answers = [sound()]
    get(server, path)
    assert_whole(path)
    assert server.asked == [None]


def test_a_whole_part_needs_no_network(path):
    path.parent.mkdir()
    part(path).write_bytes(CONTENT)
    fetch("http://nowhere.invalid/data.bin", path, size=SIZE, sha256=SHA256)
    assert_whole(path)


def test_a_wrong_hash_is_refused_and_removed(server, path):
    wrong = CONTENT[:-1] + b"\xff"
    server.answers = [sound(content=wrong)]
    with pytest.raises(ReproError) as error:
        get(server, path)
    assert SHA256 in str(error.value) and hashlib.sha256(wrong).hexdigest() in str(error.value)
    assert list(path.parent.iterdir()) == []


def test_a_part_of_another_file_is_found_out_and_the_next_call_is_clean(server, path):
    path.parent.mkdir()
    part(path).write_bytes(b"\x01" * 1000)
    server.answers = [sound()]
    with pytest.raises(ReproError, match=r"must have SHA-256 .* removed"):
        get(server, path)
    get(server, path)
    assert_whole(path)


@pytest.mark.parametrize("answer, what", [
    (sound(content=CONTENT + b"more"), r"the server has 1,000,007"),
    (sound(content=CONTENT[:-3]), r"the server has 1,000,000"),
    (unsized(CONTENT + b"more"), r"the server sends more"),
    (in_two(CONTENT, b"more"), r"the server sends more"),
])
def test_a_server_with_another_number_of_bytes(server, path, answer, what):
    server.answers = [answer]
    with pytest.raises(ReproError, match=rf"data.bin must have 1,000,003 bytes; {what}"):
        get(server, path)
    assert not path.exists() and part(path).read_bytes() == b"" and len(server.asked) == 1


def test_a_disk_that_takes_a_part_of_what_it_is_given():
    class Short(bytearray):
        def write(self, view):
            self.extend(view[:7])
            return min(7, len(view))
    file = Short()
    download._write(file, CONTENT[:100])
    assert file == CONTENT[:100]


def test_an_endless_server_does_not_fill_the_disk(server, path):
    def endless(request):
        head(request, 200)
        while True:
            request.wfile.write(CONTENT)
    server.answers = [endless]
    with pytest.raises(ReproError, match=r"the server sends more"):
        get(server, path)
    assert part(path).read_bytes() == b""


@pytest.mark.parametrize("code", [403, 404, 410])
def test_a_refusal_is_told_at_once(server, path, code):
    server.answers = [status(code)]
    with pytest.raises(ReproError, match=rf"data.bin cannot be fetched: the server answers {code}"):
        get(server, path)
    assert len(server.asked) == 1


def test_a_refusal_keeps_what_has_arrived(server, path):
    server.answers = [sound(300_000), status(404)]
    with pytest.raises(ReproError, match=r"answers 404"):
        get(server, path)
    assert part(path).read_bytes() == CONTENT[:300_000]


def test_a_busy_server_is_asked_again(server, path):
    server.answers = [status(503), status(500), sound()]
    get(server, path)
    assert_whole(path)


def test_a_silent_server_does_not_hang_the_call(server, path, monkeypatch):
    monkeypatch.setattr(download, "TIMEOUT", 0.1)
    woken = threading.Event()

    def silent(request):
        head(request, 200, Content_Length=SIZE)
        request.wfile.write(CONTENT[:10])
        request.wfile.flush()
        woken.wait(20)
    server.answers = [silent]
    try:
        with pytest.raises(ReproError, match=r"no byte has arrived for 0.1 s; 10 of 1,000,003"):
            get(server, path)
    finally:
        woken.set()


def test_a_server_that_does_not_hang_up_after_the_last_byte(server, path, monkeypatch):
    monkeypatch.setattr(download, "TIMEOUT", 0.1)
    woken = threading.Event()

    def open_end(request):
        head(request, 200)
        request.wfile.write(CONTENT)
        request.wfile.flush()
        woken.wait(20)
    server.answers = [open_end]
    try:
        get(server, path)
    finally:
        woken.set()
    assert_whole(path)


def test_an_answer_that_is_not_http(server, path):
    server.answers = [lambda request: request.wfile.write(b"\x00\x01 nonsense\r\n\r\n")]
    with pytest.raises(ReproError, match=r"cannot be fetched: the connection was dropped: .*Bad"):
        get(server, path)


def test_a_machine_that_does_not_answer(path, monkeypatch):
    monkeypatch.setattr(download, "PAUSES", (0,))
    monkeypatch.setenv("no_proxy", "*")
    with socket.socket() as bound:  # bound and not listening: every connection is refused
        bound.bind(("127.0.0.1", 0))
        with pytest.raises(ReproError, match=r"cannot be reached: .*refused; 0 of 1,000,003"):
            fetch(f"http://127.0.0.1:{bound.getsockname()[1]}/", path, size=SIZE, sha256=SHA256)


def test_a_name_that_nobody_knows(path, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")

    def unknown(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(ReproError, match=r"cannot be fetched: \[Errno -\d+\] Name or service"):
        fetch("http://nowhere.invalid/", path, size=SIZE, sha256=SHA256)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://host/x", "data.bin", ""])
def test_other_kinds_of_address(url, path):
    with pytest.raises(ReproError, match=r"url must begin with http:// or https://"):
        fetch(url, path, size=SIZE, sha256=SHA256)


def test_a_folder_that_cannot_be_made(server, tmp_path):
    (tmp_path / "file").write_bytes(b"kept")
    with pytest.raises(ReproError, match=r"data.bin cannot be written: .*(Not a dir|exists)"):
        get(server, tmp_path / "file" / "data.bin")
    assert (tmp_path / "file").read_bytes() == b"kept"


CHILD = """
import resource, sys
from pathlib import Path
from repro import download
from repro.errors import ReproError
download.PAUSES = (0, 0, 0)
url, path, size, sha256, limit = sys.argv[1:]
if int(limit):
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
def progress(done, total):
    print(done, flush=True)
try:
    download.fetch(url, Path(path), size=int(size), sha256=sha256, progress=progress)
except ReproError as error:
    sys.exit(f"ReproError: {error}")
"""


def child(server, path, limit=0):
    command = [sys.executable, "-c", CHILD, server.url, path, str(SIZE), SHA256, str(limit)]
    return subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            env={**os.environ, "PYTHONPATH": str(ROOT), "no_proxy": "*"})


def test_a_limit_on_file_size_keeps_what_has_arrived(server, path):
    server.answers = [sound()]
    with child(server, path, limit=500_000) as process:
        _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "data.bin cannot be written: the disk is full; what has arrived stays in" in said
    assert "Traceback" not in said
    assert part(path).read_bytes() == CONTENT[:500_000]
    get(server, path)
    assert_whole(path)
    assert server.asked == [None, "bytes=500000-"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_keeps_what_has_arrived(server, path, monkeypatch, number):
    server.answers = [sound()]
    real = download._write

    def full(file, chunk):
        if os.fstat(file.fileno()).st_size > 400_000:
            raise OSError(number, os.strerror(number))
        real(file, chunk)
    with monkeypatch.context() as patch:
        patch.setattr(download, "_write", full)
        with pytest.raises(ReproError, match=r"the disk is full; .* running again resumes"):
            get(server, path)
    left = part(path).stat().st_size
    assert 400_000 < left < SIZE and len(server.asked) == 1  # no second attempt
    get(server, path)
    assert_whole(path)
    assert server.asked[1:] == [f"bytes={left}-"]


def test_a_second_process_is_refused_and_a_killed_one_is_in_nobodys_way(server, path):
    woken = threading.Event()

    def slow(request):
        head(request, 200, Content_Length=SIZE)
        request.wfile.write(CONTENT[:200_000])
        request.wfile.flush()
        woken.wait(60)
    server.answers = [slow, sound()]
    with child(server, path) as process:
        while process.stdout.readline().strip() != "200000":
            assert process.poll() is None, process.stderr.read()
        with pytest.raises(ReproError, match=r"data.bin.part must have one writer: another proc"):
            get(server, path)
        assert part(path).read_bytes() == CONTENT[:200_000] and server.asked == [None]
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=60)
        woken.set()
        process.communicate()
    get(server, path)
    assert_whole(path)
    assert server.asked == [None, "bytes=200000-"]


@pytest.mark.parametrize("ending", ["renamed", "removed"])
def test_a_lock_on_what_another_process_has_taken_away_is_no_lock(server, path, monkeypatch,
                                                                  ending):
    """The other process ends between the opening of the part here and its locking."""
    path.parent.mkdir()
    part(path).write_bytes(CONTENT)
    real, once = download.fcntl.flock, []

    def late(file, how):
        if not once:
            once.append(file)
            if ending == "renamed":
                part(path).rename(path)
            else:
                part(path).unlink()
        real(file, how)
    monkeypatch.setattr(download.fcntl, "flock", late)
    server.answers = [sound()]
    get(server, path)
    assert_whole(path)
    assert server.asked == ([] if ending == "renamed" else [None])
