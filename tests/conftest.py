"""What tests share: the ledger, and the audited document where AUDIT_DOCUMENT names it."""

import os
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import settings
from hypothesis.database import DirectoryBasedExampleDatabase

from audit import document as documents
from derivations import ledger as ledgers

# What only tests import.  tests itself must not be searched: tests/core would hide core.
sys.path.insert(0, str(Path(__file__).parent / "support"))
pytest_plugins = ("vacuity",)

# The same examples in every run, unless tests/fuzz.py asks for fresh ones; --hypothesis-profile.
settings.register_profile("repeatable", derandomize=True, database=None, deadline=None)
settings.register_profile(
    "fuzz", max_examples=2000, deadline=None, print_blob=True,
    database=DirectoryBasedExampleDatabase("build/fuzz/examples"),
)
settings.load_profile("repeatable")


@pytest.fixture(autouse=True)
def same_weights_every_time():
    """torch's own generator draws the weights of small networks: the same in any order of tests."""
    torch.manual_seed(0)


@pytest.fixture
def one_thread():
    """Small tensors: a second thread costs more than it brings, above all beside other tests."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def ledger():
    return ledgers.load()


@pytest.fixture(scope="session")
def document():
    path = os.environ.get("AUDIT_DOCUMENT")
    if not path:
        pytest.skip("needs document: AUDIT_DOCUMENT is not set")
    return documents.read(Path(path))
