"""What tests share: the ledger, and the audited document where AUDIT_DOCUMENT names it."""

import os
from pathlib import Path

import pytest

from audit import document as documents
from derivations import ledger as ledgers


@pytest.fixture(scope="session")
def ledger():
    return ledgers.load()


@pytest.fixture(scope="session")
def document():
    path = os.environ.get("AUDIT_DOCUMENT")
    if not path:
        pytest.skip("needs document: AUDIT_DOCUMENT is not set")
    return documents.read(Path(path))
