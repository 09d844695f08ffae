"""The audited document, where a reader has it: its hash, its lines, the tokens pinned to them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from derivations.claim import DOCUMENT_LINES, DOCUMENT_SHA256, Claim
from derivations.prover.execution import Token


class WrongDocument(ValueError):
    """Not the document that the ledger speaks of."""


@dataclass(frozen=True)
class Document:
    """The lines of the audited document; line n is ``lines[n - 1]``."""

    lines: tuple[str, ...]

    def quote(self, claim: Claim) -> list[tuple[int, str]]:
        """The lines that a claim covers, with their numbers, blank ones left out."""
        numbers = [n for first, last in claim.lines for n in range(first, last + 1)]
        return [(n, self.lines[n - 1].strip()) for n in numbers if self.lines[n - 1].strip()]

    def missing_tokens(self, claim: Claim) -> list[str]:
        """Tokens that the ledger says a line prints and that are not there."""
        try:
            tokens = [c.statement for c in claim.proof() if isinstance(c.statement, Token)]
        except Exception as error:  # noqa: BLE001 - a proof that cannot be built has no tokens
            return [f"the proof cannot be stated: {type(error).__name__}: {error}"]
        return [
            f"line {t.line} does not contain {t.text!r}"
            for t in tokens if t.text not in self.lines[t.line - 1]
        ]


def read(path: Path) -> Document:
    """Read the document; WrongDocument where it cannot be read or is another text."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise WrongDocument(f"cannot read {path}: {error.strerror}") from None
    digest = hashlib.sha256(content).hexdigest()
    if digest != DOCUMENT_SHA256:
        raise WrongDocument(
            f"{path} has sha256 {digest[:16]}..., the audited document has "
            f"{DOCUMENT_SHA256[:16]}...: the ledger's line numbers and findings are about that "
            "text only and may be off in this one; give the audited version"
        )
    lines = content.decode("utf-8").splitlines()
    assert len(lines) == DOCUMENT_LINES
    return Document(tuple(lines))
