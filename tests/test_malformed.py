"""Broken files meet a refusal in words; `nox -s fuzz` breaks very many more."""

import json
import random

import malformed
import pytest


@pytest.mark.parametrize("name", malformed.READERS)
def test_the_whole_file_is_read(name):
    reader = malformed.READERS[name]
    if name == "document":  # the audited text is not here: any other is refused
        with pytest.raises(reader.refuses, match="sha256"):
            reader.read(reader.good())
    else:
        assert reader.read(reader.good())


@pytest.mark.parametrize("name", malformed.READERS)
def test_broken_at_random(name):
    """Half of them at least are refused; what a reader lets pass is still a file of its kind."""
    draw = random.Random(7)
    messages = [malformed.attack(malformed.READERS[name], draw) for _ in range(40)]
    assert sum(map(bool, messages)) >= 20


DEEP = b"[" * 100_000
FILES = {
    "empty": b"", "zeros": bytes(64), "deep": DEEP, "deep object": b'{"a":' * 100_000,
    "deep toml": b"a = " + DEEP, "not UTF-8": b"\xff\xfe\x80", "nan": b"NaN", "a number": b"1e999",
    "huge": b'{"schema": ' + b"9" * 5000 + b"}", "a list": b"[]", "null": b"null",
}


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
@pytest.mark.parametrize("name", malformed.READERS)
def test_broken_by_hand(name, content):
    reader = malformed.READERS[name]
    if (name, content) == ("errata.zh.toml", b""):
        assert reader.read(content) == {}  # no rows; errata.stale then names what lacks one
        return
    with pytest.raises(reader.refuses) as refusal:
        reader.read(content)
    assert len(str(refusal.value)) >= 10


@pytest.mark.parametrize("field", ["depends_on", "supplied_by", "sources", "assumptions", "code"])
@pytest.mark.parametrize("value", [[["a"]], [{}], [None]], ids=str)
def test_lists_of_texts_hold_texts(field, value):
    reader = malformed.READERS["audit.json"]
    content = json.loads(reader.good())
    content["entries"][0][field] = value
    with pytest.raises(reader.refuses, match=field):
        reader.read(json.dumps(content).encode())
