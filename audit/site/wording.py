"""The words of the site: what verdicts and grades mean, navigation, in English and in Chinese."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from derivations.claim import Grade, Verdict

NAME = "An audited reference for DDPM and DDIM"

VERDICT_MEANS = {
    Verdict.HOLDS: "true as it stands",
    Verdict.HOLDS_IF: "true under a condition that the document leaves out; without it, a "
                      "counterexample",
    Verdict.FALSE: "wrong, with a counterexample and a correction",
    Verdict.MISPRINT: "wrong in print, plainly meant right",
    Verdict.INCOMPLETE: "something is missing; other entries supply it",
    Verdict.CODE_DEFECT: "code that does not do what it should, shown by running it",
    Verdict.DEFINITION: "a definition, checked for sense",
    Verdict.NOT_MATHEMATICAL: "nothing to prove",
}

GRADE_MEANS = {
    Grade.EXACT: "A decided normal form over exact numbers, an induction certificate that is valid "
                 "for every number of steps, an exact counterexample, a computation in "
                 "fractions, or a proof that the kernel of a proof assistant accepts.",
    Grade.SMT: "A solver (z3, in second opinions also cvc5) proves that the hypotheses imply the "
               "statement. The hypotheses are shown to be satisfiable, and no division is left "
               "undefined.",
    Grade.ENCLOSURE: "Ball arithmetic: the value lies in an interval whose radius is stated, tails "
                     "of integrals included. It is shown at the points named, not for all points.",
    Grade.EXECUTION: "A run of the construct itself, in the pinned interpreter or library. It says "
                     "what that version does.",
    Grade.PROPERTY: "Examples drawn by a fixed rule, and counted. A counterexample between them "
                    "would not be seen.",
    Grade.STATISTICAL: "A test with a stated rate of false alarms on drawn samples.",
    Grade.CITED: "A source or a printed token, compared as text; nothing is computed.",
}


@dataclass(frozen=True)
class Words:
    """The texts around a page in one language."""

    skip: str
    search: str
    pages: str
    theme: str
    confirmed: str
    failed: str
    cite: str
    rely: str
    nav: tuple[tuple[str, str], ...]
    good: Callable[[Any], str]
    footer: Callable[[Any], str]


ENGLISH = Words(
    skip="Skip to the content",
    search="Search the claims",
    pages="Pages",
    theme="Light / dark",
    confirmed="Confirmed.",
    failed="Not confirmed",
    cite="How to cite",
    rely="What you may rely on",
    nav=(
        ("index.html", "Overview"), ("claims.html", "Claims"), ("lines.html", "Lines"),
        ("graph.html", "Dependencies"), ("errata.html", "Errata"), ("figures.html", "Figures"),
        ("conformance.html", "Conformance"), ("measured.html", "Measured"),
        ("rely.html", "Reliance"), ("cite.html", "Cite"),
    ),
    good=lambda site: f"All {site.count} claims, digest {site.digest[:12]}.",
    footer=lambda site: f"Version {site.version}, commit {site.commit}, digest {site.digest[:12]}.",
)
CHINESE = Words(
    skip="跳到正文",
    search="搜索论断",
    pages="页面",
    theme="浅色 / 深色",
    confirmed="全部确认。",
    failed="未通过确认",
    cite="如何引用",
    rely="可以信赖什么",
    nav=(
        ("index.html", "概览"), ("claims.html", "论断"), ("lines.html", "逐行"),
        ("graph.html", "依赖"), ("errata.zh.html", "勘误"), ("figures.html", "图示"),
        ("conformance.html", "一致性"), ("measured.html", "实测"), ("rely.html", "可信度"),
        ("cite.html", "引用"),
    ),
    good=lambda site: f"共 {site.count} 个论断，摘要 {site.digest[:12]}。",
    footer=lambda site: f"版本 {site.version}，提交 {site.commit}，摘要 {site.digest[:12]}。",
)
