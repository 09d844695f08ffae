"""BibTeX for the audit as a whole and for one claim: version, commit and digest, then sources.

A citation names what a reader can check: the version, the commit that was run, and the digest that
verify prints, on which two machines agree.  They are taken from audit.json where there is one.
"""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from derivations.claim import Claim

RELEASED = "2026-11-23"  # as in CITATION.cff
TITLE = "An audited reference for {DDPM} and {DDIM}"
AUTHOR = "{The diffusion-audit maintainers}"
ARXIV = re.compile(r"(?:arXiv[: ]+)?\b(\d{4}\.\d{4,5})\b")

# Papers by arXiv number: what a bibliography needs and a source line of the ledger leaves out.
PAPERS = {
    "1312.6114": ("Kingma, Diederik P. and Welling, Max",
                  "Auto-Encoding Variational {Bayes}", 2013),
    "1406.2661": ("Goodfellow, Ian J. and others", "Generative Adversarial Networks", 2014),
    "1503.03585": ("Sohl-Dickstein, Jascha and Weiss, Eric A. and Maheswaranathan, Niru and "
                   "Ganguli, Surya",
                   "Deep Unsupervised Learning using Nonequilibrium Thermodynamics", 2015),
    "1512.03385": ("He, Kaiming and Zhang, Xiangyu and Ren, Shaoqing and Sun, Jian",
                   "Deep Residual Learning for Image Recognition", 2015),
    "1601.06759": ("van den Oord, Aaron and Kalchbrenner, Nal and Kavukcuoglu, Koray",
                   "Pixel Recurrent Neural Networks", 2016),
    "1706.02677": ("Goyal, Priya and others",
                   "Accurate, Large Minibatch {SGD}: Training {ImageNet} in 1 Hour", 2017),
    "1706.03762": ("Vaswani, Ashish and others", "Attention Is All You Need", 2017),
    "1803.08494": ("Wu, Yuxin and He, Kaiming", "Group Normalization", 2018),
    "1903.08689": ("Du, Yilun and Mordatch, Igor",
                   "Implicit Generation and Generalization in Energy-Based Models", 2019),
    "2006.11239": ("Ho, Jonathan and Jain, Ajay and Abbeel, Pieter",
                   "Denoising Diffusion Probabilistic Models", 2020),
    "2010.02502": ("Song, Jiaming and Meng, Chenlin and Ermon, Stefano",
                   "Denoising Diffusion Implicit Models", 2020),
    "2011.13456": ("Song, Yang and Sohl-Dickstein, Jascha and Kingma, Diederik P. and Kumar, "
                   "Abhishek and Ermon, Stefano and Poole, Ben",
                   "Score-Based Generative Modeling through Stochastic Differential Equations",
                   2020),
    "2102.09672": ("Nichol, Alex and Dhariwal, Prafulla",
                   "Improved Denoising Diffusion Probabilistic Models", 2021),
    "2105.05233": ("Dhariwal, Prafulla and Nichol, Alex",
                   "Diffusion Models Beat {GANs} on Image Synthesis", 2021),
    "2107.00630": ("Kingma, Diederik P. and Salimans, Tim and Poole, Ben and Ho, Jonathan",
                   "Variational Diffusion Models", 2021),
    "2201.06503": ("Bao, Fan and Li, Chongxuan and Zhu, Jun and Zhang, Bo",
                   "Analytic-{DPM}: an Analytic Estimate of the Optimal Reverse Variance in "
                   "Diffusion Probabilistic Models", 2022),
    "2204.00227": ("Choi, Jooyoung and others",
                   "Perception Prioritized Training of Diffusion Models", 2022),
    "2209.00796": ("Yang, Ling and others",
                   "Diffusion Models: A Comprehensive Survey of Methods and Applications", 2022),
    "2202.00512": ("Salimans, Tim and Ho, Jonathan",
                   "Progressive Distillation for Fast Sampling of Diffusion Models", 2022),
    "2303.09556": ("Hang, Tiankai and others",
                   "Efficient Diffusion Training via {Min-SNR} Weighting Strategy", 2023),
    "2305.08891": ("Lin, Shanchuan and Liu, Bingchen and Li, Jiashi and Yang, Xiao",
                   "Common Diffusion Noise Schedules and Sample Steps are Flawed", 2023),
}


@dataclass(frozen=True)
class Edition:
    """What a citation is of: a version and, where a run is at hand, its commit and digest."""

    version: str
    commit: str | None = None
    dirty: bool = False
    digest: str | None = None

    @property
    def note(self) -> str:
        """Version, commit and digest in words."""
        parts = [f"version {self.version}"]
        if self.commit:
            parts.append(f"commit {self.commit[:12]}" + (" with local changes" * self.dirty))
        parts.append(f"digest {self.digest}" if self.digest
                     else "digest: run nox -s verify, which prints it")
        return ", ".join(parts)


def edition(summary: Mapping[str, Any] | None) -> Edition:
    """The edition that a run shows, or that of the installed package alone."""
    try:
        version = importlib.metadata.version("diffusion-audit")
    except importlib.metadata.PackageNotFoundError:
        version = "unknown"
    if summary is None:
        return Edition(version)
    where = summary["provenance"]
    return Edition(version, where["commit"], bool(where["dirty"]), summary["digest"])


def _entry(kind: str, key: str, fields: Mapping[str, str]) -> str:
    width = max(map(len, fields))
    body = "".join(f"  {name:<{width}} = {{{value}}},\n" for name, value in fields.items())
    return f"@{kind}{{{key},\n{body}}}\n"


def audit(of: Edition) -> str:
    """BibTeX for the audit as a whole."""
    return _entry("software", "diffusion-audit", {
        "author": AUTHOR, "title": TITLE, "year": RELEASED[:4], "note": of.note,
    })


def escape(text: str) -> str:
    """Text for a BibTeX field: formulas stay, the rest is kept from being read as TeX."""
    parts = re.split(r"(\$[^$]+\$)", text)
    return "".join(
        p if p.startswith("$") else re.sub(r"(?<!\\)([&%#_])", r"\\\1", p) for p in parts
    )


def claim(of: Edition, cited: Claim) -> str:
    """BibTeX for one claim, followed by its primary sources."""
    lines = ", ".join(str(a) if a == b else f"{a}--{b}" for a, b in cited.lines)
    fields = {
        "author": AUTHOR,
        "title": f"{escape(cited.title)} ({{{cited.id}}})",
        "booktitle": TITLE,
        "year": RELEASED[:4],
        "note": f"verdict: {cited.verdict}; lines {lines}; {of.note}",
    }
    entries = [_entry("incollection", f"audit:{cited.id}", fields)]
    seen: set[str] = set()
    for number, source in enumerate(cited.sources, 1):
        papers = ARXIV.findall(source)
        entries += [_paper(n, source) for n in dict.fromkeys(papers) if n not in seen]
        seen.update(papers)
        if not papers:
            entries.append(_entry("misc", f"audit:{cited.id}:source-{number}",
                                  {"title": escape(source)}))
    return "\n".join(entries)


def _paper(number: str, source: str) -> str:
    """A paper by its arXiv number; one that is not in PAPERS keeps the ledger's own words."""
    eprint = {"eprint": number, "archiveprefix": "arXiv"}
    if number not in PAPERS:
        return _entry("misc", f"arxiv:{number}", {"title": escape(source), **eprint})
    author, title, year = PAPERS[number]
    return _entry("misc", f"arxiv:{number}", {
        "author": author, "title": title, "year": str(year), **eprint, "note": escape(source),
    })
