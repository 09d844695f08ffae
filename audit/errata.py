"""The errata, by line, in English and in Chinese, the document's language; ERRATA.md, ERRATA.zh.md.

English comes from the ledger alone.  Chinese comes from errata.zh.toml, keyed by claim: a sentence
that says what is wrong, and the text to paste, in which ``⟨n⟩`` stands for the n-th formula of the
claim's own correction, so that a formula is written once.  :func:`stale` names the claims whose
correction was changed after its Chinese was last read against it.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from derivations.claim import DOCUMENT_LINES, Claim, Severity, Verdict
from derivations.ledger import LedgerError

CHINESE = Path(__file__).with_name("errata.zh.toml")
NOT_WRONG = (Verdict.HOLDS, Verdict.DEFINITION, Verdict.NOT_MATHEMATICAL)
SEVERE_FIRST = (Severity.WRONG_RESULT, Severity.MISLEADING, Severity.COSMETIC)
FORMULA = re.compile(r"\$[^$]+\$")
PLACE = re.compile(r"⟨(\d+)⟩")

VERDICTS_ZH = {
    Verdict.HOLDS_IF: "缺少条件", Verdict.FALSE: "错误", Verdict.MISPRINT: "排印错误",
    Verdict.INCOMPLETE: "缺漏", Verdict.CODE_DEFECT: "代码缺陷", Verdict.DEFINITION: "定义不明",
    Verdict.NOT_MATHEMATICAL: "非数学内容",
}
SEVERITIES_ZH = {
    Severity.COSMETIC: "轻微", Severity.MISLEADING: "误导", Severity.WRONG_RESULT: "导致错误结果",
}


@dataclass(frozen=True)
class Chinese:
    """What errata.zh.toml says of one claim."""

    wrong: str
    right: str
    english: str


@dataclass(frozen=True)
class Erratum:
    """One entry: where, what is wrong, and what to paste, in both languages."""

    claim: Claim
    supplied: tuple[Claim, ...]
    wrong_zh: str
    right_zh: str

    @property
    def lines(self) -> str:
        """The lines as a reader writes them: 24, 31-32."""
        return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in self.claim.lines)

    @property
    def right(self) -> str:
        """The correction; for a gap, what the entries that fill it state."""
        return self.claim.correction or " ".join(c.statement for c in self.supplied)


def is_erratum(claim: Claim) -> bool:
    """Whether a line is wrong or lacks something, or could say better what it says."""
    return claim.verdict not in NOT_WRONG or bool(claim.correction)


def fingerprint(claim: Claim) -> str:
    """What changes when the English correction does."""
    return hashlib.sha256(claim.correction.encode()).hexdigest()[:8]


def chinese(path: Path = CHINESE) -> dict[str, Chinese]:
    """The Chinese table by claim; LedgerError where the file is not such a table."""
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise LedgerError(f"{path.name} must be readable TOML: {error}") from None
    for id, row in table.items():
        if not (isinstance(row, dict) and sorted(row) == ["english", "right", "wrong"]
                and all(isinstance(text, str) for text in row.values())):
            raise LedgerError(f"{path.name}: {id} must have the texts wrong, right and english, "
                              f"and nothing else; got {row!r:.200}")
    return {id: Chinese(**row) for id, row in table.items()}


def fill(text: str, correction: str) -> str:
    """Put the formulas of a correction where the Chinese text has ⟨1⟩, ⟨2⟩, ..."""
    formulas = FORMULA.findall(correction)
    return PLACE.sub(lambda place: formulas[int(place[1]) - 1], text)


def stale(ledger: Mapping[str, Claim], table: Mapping[str, Chinese]) -> list[str]:
    """What keeps the Chinese table from agreeing with the ledger, one sentence each."""
    wrong = {id for id, claim in ledger.items() if is_erratum(claim)}
    found = [f"{id} has no Chinese: add it to {CHINESE.name}" for id in wrong - set(table)]
    found += [f"{id} is no erratum: remove it from {CHINESE.name}" for id in set(table) - wrong]
    for id in wrong & set(table):
        correction, row = ledger[id].correction, table[id]
        places = {int(n) for n in PLACE.findall(row.right)}
        count = len(FORMULA.findall(correction))
        if places != set(range(1, count + 1)):
            found.append(f"{id}: its correction has {count} formulas, the Chinese uses "
                         f"{sorted(places)}")
        elif row.english != fingerprint(ledger[id]):
            found.append(f"{id}: the correction was changed; read the Chinese against it and write "
                         f"english = '{fingerprint(ledger[id])}'")
    return sorted(found)


def collect(ledger: Mapping[str, Claim]) -> list[Erratum]:
    """All errata by line; LedgerError where the Chinese does not agree with the ledger."""
    table = chinese()
    found = stale(ledger, table)
    if found:
        raise LedgerError(f"{CHINESE.name}: {found[0]}"
                          + (f" (and {len(found) - 1} more)" if len(found) > 1 else ""))
    claims = sorted((c for c in ledger.values() if is_erratum(c)), key=lambda c: (c.lines, c.id))
    return [
        Erratum(c, tuple(ledger[id] for id in c.supplied_by), table[c.id].wrong,
                fill(table[c.id].right, c.correction))
        for c in claims
    ]


def _counts(errata: Iterable[Erratum], words: Mapping[Severity, str]) -> str:
    by_severity = Counter(e.claim.severity for e in errata)
    return ", ".join(f"{by_severity[s]} {words[s]}" for s in SEVERE_FIRST)


def english_markdown(errata: list[Erratum]) -> str:
    """ERRATA.md."""
    head = f"""# Errata

{len(errata)} entries on a document of {DOCUMENT_LINES} lines about diffusion models, by line
({_counts(errata, {s: s.value for s in Severity})}). 中文版: [ERRATA.zh.md](ERRATA.zh.md).

Each names the lines, says what is wrong there, and gives a correction to paste; the document
itself is not quoted. Every entry is a claim of the ledger, by its permanent id: `nox -s verify --
--explain ID` runs and prints what shows the line to be wrong, and what proves the correction. This
file is written by `python -m audit write`; do not edit it.
"""
    return head + "".join(_english(e) for e in errata)


def _english(erratum: Erratum) -> str:
    claim = erratum.claim
    label = "Supplied" if not claim.correction else "Correction"
    return (
        f"\n### Line{'s' * (len(claim.lines) > 1 or claim.lines[0][0] != claim.lines[0][1])} "
        f"{erratum.lines}: {claim.title}\n\n"
        f"`{claim.id}` · {claim.verdict}, {claim.severity}\n\n"
        f"{claim.statement}\n\n> **{label}.** {erratum.right}\n"
    )


def chinese_markdown(errata: list[Erratum]) -> str:
    """ERRATA.zh.md."""
    counts = Counter(e.claim.severity for e in errata)
    listed = "、".join(f"{SEVERITIES_ZH[s]} {counts[s]} 条" for s in SEVERE_FIRST)
    head = f"""# 勘误表

针对一篇 {DOCUMENT_LINES} 行的扩散模型文档，共 {len(errata)} 条，按行号排列（{listed}）。English:
[ERRATA.md](ERRATA.md)。

每条给出行号、错在哪里，以及可以直接粘贴的更正；不引用原文。每条都是账本中的一个论断，有永久编号：
`nox -s verify -- --explain 编号` 会当场运行并显示该行为何有误、更正为何成立。本文件由
`python -m audit write` 生成，请勿手工修改。
"""
    return head + "".join(
        f"\n### 第 {e.lines} 行\n\n"
        f"`{e.claim.id}` · {VERDICTS_ZH[e.claim.verdict]}，{SEVERITIES_ZH[e.claim.severity]}\n\n"
        f"{e.wrong_zh}\n\n> **{'更正' if e.claim.correction else '补充'}：** {e.right_zh}\n"
        for e in errata
    )
