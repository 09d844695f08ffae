"""What tests share: the ledger, and the audited document where AUDIT_DOCUMENT names it."""

import os
from pathlib import Path

import pytest
import torch

from audit import document as documents
from derivations import ledger as ledgers


@pytest.fixture(autouse=True)
def same_weights_every_time():
    """torch's own generator draws the weights of small networks: the same in any order of tests."""
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def ledger():
    return ledgers.load()


@pytest.fixture(scope="session")
def document():
    path = os.environ.get("AUDIT_DOCUMENT")
    if not path:
        pytest.skip("needs document: AUDIT_DOCUMENT is not set")
    return documents.read(Path(path))
