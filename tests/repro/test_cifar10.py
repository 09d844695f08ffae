"""CIFAR-10: found, fetched, unpacked, checked and parsed; what is not the published set is refused.

Most tests publish a tiny set of their own, four records a file, in place of the real one.
"""

import gzip
import hashlib
import io
import os
import tarfile
from pathlib import Path

import pytest
import torch

from repro import cifar10, download
from repro.errors import ReproError

NAMES = [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]
FOLDER = "cifar-10-batches-bin"
ARCHIVE = "cifar-10-binary.tar.gz"


def record(label, seed):
    """A label, and pixels 7 c + 3 y + x + seed in place of an image."""
    pixels = [(7 * c + 3 * y + x + seed) % 256 for c in range(3) for y in range(32)
              for x in range(32)]
    return bytes([label, *pixels])


FILES = {name: b"".join(record((i + j) % 10, 11 * i + j) for j in range(4))
         for i, name in enumerate(NAMES)}


def tar_gz(members):
    """An archive of (TarInfo or name, bytes), not even its time drawn from anywhere."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as tar:
        for member, content in members:
            info = member if isinstance(member, tarfile.TarInfo) else tarfile.TarInfo(member)
            if info.type == tarfile.REGTYPE:
                info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return gzip.compress(plain.getvalue(), mtime=0)


def of_type(name, kind, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


MEMBERS = [(of_type(FOLDER, tarfile.DIRTYPE), b""),
           (f"{FOLDER}/batches.meta.txt", b"airplane\n"), (f"{FOLDER}/readme.html", b"<html>"),
           *((f"{FOLDER}/{name}", content) for name, content in FILES.items())]
OFFICIAL = tar_gz(MEMBERS)


@pytest.fixture(autouse=True)
def tiny(monkeypatch, request):
    if "real" in request.fixturenames:
        return
    size = 4 * 3073
    monkeypatch.delenv("CIFAR10_DIR", raising=False)
    monkeypatch.setattr(cifar10, "RECORDS", 4)
    monkeypatch.setattr(cifar10, "SHA256",
                        {name: hashlib.sha256(data).hexdigest() for name, data in FILES.items()})
    monkeypatch.setattr(cifar10, "LIMITS", dict.fromkeys(NAMES, size)
                        | {"batches.meta.txt": 100, "readme.html": 100})
    monkeypatch.setattr(cifar10, "ARCHIVE_SIZE", len(OFFICIAL))
    monkeypatch.setattr(cifar10, "ARCHIVE_SHA256", hashlib.sha256(OFFICIAL).hexdigest())

    def offline(*_, **__):
        raise AssertionError("no network in this test")
    monkeypatch.setattr(cifar10, "fetch", offline)


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def copy(tmp_path):
    """A folder with the six files, as a person has them."""
    folder = tmp_path / "copy"
    folder.mkdir()
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    return folder


def assert_published(data):
    assert (data.name, data.levels, data.complete) == ("cifar10", 256, True)
    assert data.train.shape == (20, 3, 32, 32) and data.test.shape == (4, 3, 32, 32)
    for images, first in ((data.train, 0), (data.test, 5)):
        for n, image in enumerate(images):
            i, j = divmod(n, 4)
            for c, y, x in ((0, 0, 0), (0, 0, 31), (0, 31, 0), (1, 2, 3), (2, 31, 31)):
                assert image[c, y, x] == (7 * c + 3 * y + x + 11 * (first + i) + j) % 256
    assert data.train.is_contiguous() and data.test.is_contiguous()


def tree(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_the_records_of_a_folder(copy, cache):
    assert_published(cifar10.load(copy, cache=cache))
    assert not cache.exists()


def test_a_complete_copy_is_complete_with_the_option_too(copy, cache):
    assert_published(cifar10.load(copy, partial=True, cache=cache))


def test_a_folder_above_the_files(copy, cache):
    copy.rename(copy.with_name(FOLDER))
    assert_published(cifar10.load(copy.parent, cache=cache))


def test_the_variable_names_a_folder_and_the_argument_goes_first(copy, cache, monkeypatch):
    monkeypatch.setenv("CIFAR10_DIR", str(copy))
    assert_published(cifar10.load(cache=cache))
    monkeypatch.setenv("CIFAR10_DIR", str(copy / "nowhere"))
    assert_published(cifar10.load(copy, cache=cache))
    with pytest.raises(ReproError, match=r"nowhere must be a folder; CIFAR10_DIR may name"):
        cifar10.load(cache=cache)


def test_an_archive_is_unpacked_to_the_cache_once(tmp_path, cache, monkeypatch):
    given = tmp_path / "given"
    given.mkdir()
    (given / ARCHIVE).write_bytes(OFFICIAL)
    assert_published(cifar10.load(given, cache=cache))
    assert tree(given) == [ARCHIVE]
    assert tree(cache) == sorted([FOLDER, *(f"{FOLDER}/{name}" for name in
                                            [*NAMES, "batches.meta.txt", "readme.html"])])
    monkeypatch.setattr(cifar10, "unpack", None)
    assert_published(cifar10.load(given / ARCHIVE, cache=cache))
    assert_published(cifar10.load(cache=cache))


def test_with_nothing_at_hand_the_archive_is_fetched_from_its_home(cache, monkeypatch):
    asked = []

    def fetch(url, path, *, size, sha256, progress):
        asked.append((url, size, sha256, progress))
        path.parent.mkdir()
        path.write_bytes(OFFICIAL)
    monkeypatch.setattr(cifar10, "fetch", fetch)
    assert_published(cifar10.load(cache=cache, progress=print))
    assert asked == [("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz", len(OFFICIAL),
                      hashlib.sha256(OFFICIAL).hexdigest(), print)]
    assert_published(cifar10.load(cache=cache))
    assert len(asked) == 1


def test_an_archive_that_cannot_be_fetched_says_what_to_do_instead(cache, monkeypatch):
    monkeypatch.setattr(cifar10, "fetch", download.fetch)
    monkeypatch.setattr(cifar10, "URL", "file:///nowhere")
    with pytest.raises(ReproError, match=r"url must .*With a copy at hand: CIFAR10_DIR may name"):
        cifar10.load(cache=cache)


@pytest.mark.parametrize("damage, what", [
    (lambda data: data[:-1], "bytes; got"), (lambda data: b"", "bytes; got 0"),
    (lambda data: data + b"x", "bytes; got"),
    (lambda data: data[:99] + bytes([data[99] ^ 1]) + data[100:], "SHA-256 .*; got"),
])
@pytest.mark.parametrize("partial", [False, True])
def test_another_archive_is_refused_before_it_is_opened(tmp_path, cache, damage, what, partial):
    (tmp_path / ARCHIVE).write_bytes(damage(OFFICIAL))
    with pytest.raises(ReproError, match=rf"{ARCHIVE} must have .*{what}"):
        cifar10.load(tmp_path, partial=partial, cache=cache)
    assert tree(tmp_path) == [ARCHIVE]


def test_two_processes_that_unpack_at_once(tmp_path, cache, monkeypatch):
    (tmp_path / ARCHIVE).write_bytes(OFFICIAL)
    real = cifar10.unpack

    def slower(archive, folder):
        real(archive, folder)
        real(archive, folder)
    monkeypatch.setattr(cifar10, "unpack", slower)
    assert_published(cifar10.load(tmp_path, cache=cache))


EVIL = b"evil" * 10
FIRST = f"{FOLDER}/data_batch_1.bin"


@pytest.mark.parametrize("member, content, parts", [
    ("../outside.bin", EVIL, ("nothing else", "'../outside.bin'")),
    (f"{FOLDER}/../../outside.bin", EVIL, ("nothing else", "/../../outside.bin'")),
    (f"{FOLDER}/../data_batch_1.bin", EVIL, ("nothing else", "../data_batch_1.bin")),
    (f"{FOLDER}/deep/data_batch_1.bin", EVIL, ("nothing else", "deep/data_batch_1.bin")),
    (f"/{FIRST}", EVIL, ("nothing else", f"'/{FIRST}'")),
    ("/ROOT/outside.bin", EVIL, ("nothing else", "/outside.bin'")),
    ("data_batch_1.bin", EVIL, ("nothing else", "'data_batch_1.bin'")),
    (f"{FOLDER}/data_batch_6.bin", EVIL, ("nothing else", "data_batch_6.bin'")),
    (f"{FOLDER}/evil\x1b[2J", EVIL, ("nothing else", r"evil\x1b[2J")),
    (of_type("data", tarfile.DIRTYPE), b"", ("nothing else", "'data'")),
    (of_type(FIRST, tarfile.SYMTYPE, "../../outside.bin"), b"", ("regular files", FIRST)),
    (of_type(FIRST, tarfile.SYMTYPE, "/etc/passwd"), b"", ("regular files", FIRST)),
    (of_type(FIRST, tarfile.LNKTYPE, "../outside.bin"), b"", ("regular files", FIRST)),
    (of_type(FIRST, tarfile.CHRTYPE), b"", ("regular files", FIRST)),
    (of_type(FIRST, tarfile.FIFOTYPE), b"", ("regular files", FIRST)),
    (of_type(FIRST, tarfile.GNUTYPE_SPARSE), b"", ("regular files", FIRST)),
    (of_type(FIRST, tarfile.DIRTYPE), b"", ("regular files", FIRST)),
    (of_type(FOLDER, tarfile.SYMTYPE, ".."), b"", ("nothing else", f"'{FOLDER}'")),
    (FIRST, bytes(4 * 3073 + 1), (FIRST, "at most 12,292 bytes", "got 12,293")),
    (f"{FOLDER}/readme.html", bytes(101), ("readme.html", "at most 100 bytes", "got 101")),
])
@pytest.mark.parametrize("place", [0, -1])
def test_a_member_that_does_not_belong_is_refused_by_name(tmp_path, member, content, parts, place):
    if member == "/ROOT/outside.bin":
        member = f"{tmp_path}/outside.bin"
    name = member if isinstance(member, str) else member.name
    others = [(m, c) for m, c in MEMBERS if (m if isinstance(m, str) else m.name) != name]
    others.insert(0 if place == 0 else len(others), (member, content))
    work = tmp_path / "work" / "deep"
    work.mkdir(parents=True)
    (work / ARCHIVE).write_bytes(tar_gz(others))
    with pytest.raises(ReproError) as error:
        cifar10.unpack(work / ARCHIVE, work / FOLDER)
    for part in (str(work / ARCHIVE), *parts):
        assert part in str(error.value), f"{part!r} not in {error.value}"
    assert tree(tmp_path) == ["work", "work/deep", f"work/deep/{ARCHIVE}"]


@pytest.mark.parametrize("content, parts", [
    (tar_gz([*MEMBERS, MEMBERS[-1]]), ("test_batch.bin once", "twice")),
    (tar_gz(MEMBERS[:-1]), ("must hold", "test_batch.bin", "not there")),
    (b"", ("whole .tar.gz",)),
    (b"no archive", ("whole .tar.gz",)),
    (gzip.compress(b"no tar" * 999, mtime=0), ("whole .tar.gz",)),
    (OFFICIAL[:len(OFFICIAL) // 2], ("whole .tar.gz",)),
    (gzip.compress(gzip.decompress(OFFICIAL)[:30_000], mtime=0), ("whole .tar.gz",)),
    (gzip.compress(gzip.decompress(OFFICIAL), mtime=0)[:-8] + bytes(8), ("whole .tar.gz",)),
])
def test_a_corrupt_archive_leaves_nothing(tmp_path, content, parts):
    (tmp_path / ARCHIVE).write_bytes(content)
    with pytest.raises(ReproError) as error:
        cifar10.unpack(tmp_path / ARCHIVE, tmp_path / FOLDER)
    for part in (ARCHIVE, *parts):
        assert part in str(error.value), f"{part!r} not in {error.value}"
    assert tree(tmp_path) == [ARCHIVE]


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE])
def test_a_bomb_in_a_header_does_not_inflate(tmp_path, kind):
    """A name of 4 GB, which a header may have, is not read into memory."""
    info = of_type("x", kind)
    info.size = 4 << 30
    plain = info.tobuf(tarfile.GNU_FORMAT) + bytes(8 << 20)
    (tmp_path / ARCHIVE).write_bytes(gzip.compress(plain, mtime=0))
    with pytest.raises(ReproError, match=r"inflates to more than CIFAR-10 holds"):
        cifar10.unpack(tmp_path / ARCHIVE, tmp_path / FOLDER)


def test_a_full_disk_while_unpacking_leaves_nothing(tmp_path, cache, monkeypatch):
    (tmp_path / ARCHIVE).write_bytes(OFFICIAL)
    real = Path.write_bytes

    def full(path, content):
        if path.name == "data_batch_3.bin":
            raise OSError(28, "No space left on device")
        return real(path, content)
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(ReproError, match=rf"{FOLDER} cannot be written: .*No space left"):
        cifar10.load(tmp_path, cache=cache)
    assert tree(tmp_path) == ["cache", ARCHIVE]


def shorten(copy):
    (copy / "data_batch_3.bin").write_bytes(FILES["data_batch_3.bin"][:3 * 3073])


def other_pixels(copy):
    data = bytearray(FILES["test_batch.bin"])
    data[-1] ^= 1
    (copy / "test_batch.bin").write_bytes(data)


def without(name):
    return lambda copy: (copy / name).unlink()


@pytest.mark.parametrize("damage, parts, train, test", [
    (shorten, ("data_batch_3.bin holds 3 of 4 records",), 19, 4),
    (other_pixels, ("test_batch.bin holds 4 records of other bytes", "SHA-256 must be"), 20, 4),
    (without("data_batch_1.bin"), ("data_batch_1.bin is not there",), 16, 4),
])
def test_a_partial_copy_only_by_the_option(copy, cache, damage, parts, train, test):
    damage(copy)
    with pytest.raises(ReproError) as error:
        cifar10.load(copy, cache=cache)
    for part in (str(copy), *parts, "not CIFAR-10 as published", "--partial-data accepts"):
        assert part in str(error.value), f"{part!r} not in {error.value}"
    data = cifar10.load(copy, partial=True, cache=cache)
    assert not data.complete and (len(data.train), len(data.test)) == (train, test)


def test_all_that_deviates_is_counted(copy, cache):
    for name in NAMES[1:4]:
        (copy / name).unlink()
    with pytest.raises(ReproError, match=r"data_batch_2.bin is not there, and 2 more of the six"):
        cifar10.load(copy, cache=cache)


def test_batches_in_another_order_are_not_the_published_set(copy, cache):
    (copy / NAMES[0]).rename(copy / "x")
    (copy / NAMES[1]).rename(copy / NAMES[0])
    (copy / "x").rename(copy / NAMES[1])
    with pytest.raises(ReproError, match=r"data_batch_1.bin holds 4 records of other bytes"):
        cifar10.load(copy, cache=cache)


@pytest.mark.parametrize("missing", [NAMES[:5], NAMES[5:]])
def test_a_copy_without_training_or_test_images(copy, cache, missing):
    for name in missing:
        (copy / name).unlink()
    with pytest.raises(ReproError, match=r"must hold test_batch.bin and one or more of data_batch"):
        cifar10.load(copy, partial=True, cache=cache)


GRAY = b"".join(bytes([label, *[7] * 1024]) for label in range(3))
WRONG_LABEL = FILES[NAMES[0]][:2 * 3073] + b"\x0a" + FILES[NAMES[0]][2 * 3073 + 1:]


@pytest.mark.parametrize("content, parts", [
    (FILES[NAMES[0]][:-1], ("whole records of 3,073", "12,291 bytes", "3 records and 3,072")),
    (b"", ("whole records", "got 0 bytes")),
    (GRAY, ("3 channels of 32 x 32", "3,075 bytes")),
    (bytes(3074), ("whole records", "3,074 bytes")),  # CIFAR-100 has two labels
    (FILES[NAMES[0]] + bytes(3073), ("at most 12,292 bytes", "got 15,365")),
    (WRONG_LABEL, ("labels 0..9", "got 10 in record 2")),
    (b"\xff" * 3073, ("labels 0..9", "got 255 in record 0")),
])
@pytest.mark.parametrize("partial", [False, True])
def test_a_file_that_holds_no_records_is_refused_in_any_case(copy, cache, content, parts, partial):
    for name in (NAMES[0], NAMES[5]):
        before = (copy / name).read_bytes()
        (copy / name).write_bytes(content)
        with pytest.raises(ReproError) as error:
            cifar10.load(copy, partial=partial, cache=cache)
        for part in (str(copy / name), *parts):
            assert part in str(error.value), f"{part!r} not in {error.value}"
        (copy / name).write_bytes(before)


@pytest.mark.parametrize("make", [lambda path: path.mkdir(), os.mkfifo])
def test_a_name_that_is_no_file_does_not_hang(copy, cache, make):
    (copy / NAMES[2]).unlink()
    make(copy / NAMES[2])
    with pytest.raises(ReproError, match=r"data_batch_3.bin must be a regular file"):
        cifar10.load(copy, partial=True, cache=cache)


def test_a_damaged_cache_says_how_to_mend_it(copy, cache):
    cache.mkdir()
    other_pixels(copy)
    copy.rename(cache / FOLDER)
    with pytest.raises(ReproError, match=rf"other bytes .*; remove .*cache/{FOLDER}, and it is"):
        cifar10.load(cache=cache)


def test_a_folder_with_nothing_in_it(tmp_path, cache):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ReproError, match=r"empty holds no CIFAR-10; CIFAR10_DIR may name a folder"):
        cifar10.load(tmp_path / "empty", cache=cache)


@pytest.mark.parametrize("mode", [0o000, 0o600])
@pytest.mark.parametrize("name", ["copy", f"copy/{NAMES[0]}"])
def test_what_may_not_be_read(copy, cache, mode, name):
    """As another user where the tests run as root, whom no mode keeps out."""
    locked = copy.parent / name
    root = os.geteuid() == 0
    if locked.is_file() and mode == 0o600 and not root:
        pytest.skip("a file of one's own can be read")
    opened = [*list(copy.parents)[:3]] if root else []  # pytest's own folders are root's alone
    modes = [(folder, folder.stat().st_mode) for folder in opened]
    try:
        for folder in opened:
            folder.chmod(0o755)
        locked.chmod(mode)
        if root:
            os.seteuid(65534)
        with pytest.raises(ReproError, match=r"cannot be read: .*Permission denied.*copy"):
            cifar10.load(copy, cache=cache)
    finally:
        if root:
            os.seteuid(0)
        locked.chmod(0o755)
        for folder, before in modes:
            folder.chmod(before)


def test_the_published_facts_are_consistent(real):
    assert cifar10.RECORD == 3073 and cifar10.RECORDS * cifar10.RECORD == 30_730_000
    assert list(cifar10.SHA256) == NAMES and len(set(cifar10.SHA256.values())) == 6
    assert all(len(value) == 64 for value in [*cifar10.SHA256.values(), cifar10.ARCHIVE_SHA256])
    assert cifar10.ARCHIVE_SIZE == 170_052_171


@pytest.fixture(scope="session")
def real():
    """Marks a test that has the true constants."""


@pytest.fixture(scope="module")
def images(tmp_path_factory, real):
    if not os.environ.get("CIFAR10_DIR"):
        pytest.skip("needs CIFAR10_DIR")
    return cifar10.load(partial=True, cache=tmp_path_factory.mktemp("cache"))


def test_real_images_look_like_photographs(images):
    """Neighbouring pixels and channels are alike, as no other order of the bytes would have it."""
    assert images.shape == (3, 32, 32)
    x = images.test.double()

    def alike(a, b):
        return torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1]
    assert alike(x[..., 1:], x[..., :-1]) > 0.9 and alike(x[..., 1:, :], x[..., :-1, :]) > 0.9
    assert alike(x[:, 0], x[:, 1]) > 0.85 and alike(x[:, 1], x[:, 2]) > 0.85
    assert alike(x[..., 1:, 0], x[..., :-1, 31]) < 0.7  # the end of a row, the start of the next


def test_the_moments_of_real_images(images):
    """A share of CIFAR-10 within a few standard errors of its published moments; all of it to 1e-9.
    """
    x = images.train.double()
    mean, std = x.mean((0, 2, 3)), x.std((0, 2, 3), correction=0)
    square = (x / 127.5 - 1).square().mean()
    published = torch.tensor([125.306918046875, 122.950394140625, 113.86538318359375]).double()
    spread = torch.tensor([62.993219278136884, 62.08870764001421, 66.70489964063091]).double()
    near = 1e-4 if images.complete else 200 / len(x) ** 0.5
    assert (mean - published).abs().max() < near and (std - spread).abs().max() < near
    assert abs(square - 0.255985815202) < (1e-9 if images.complete else 0.02)
    if images.complete:
        assert images.train.shape[0] == 50_000 and images.test.shape[0] == 10_000
