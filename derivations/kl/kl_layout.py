"""The sections on KL divergence as a whole: their numbering, and what they are there for.

Source: the loss of DDPM is a sum of KL divergences (arXiv 2006.11239, eq. (5)).
"""

from derivations.claim import Checks, claim


@claim(
    "kl.numbering",
    lines="51, 67, 92, 121",
    verdict="not-mathematical",
    severity="cosmetic",
    title="Numbers of the subsections",
    statement="The numbers 1, 2, 2.1 and 3 are typed by hand. Number 2.1, on moments, stands "
    "where the result of number 2 is missing, and its subject is used by number 3 as well.",
    correction="Let the headings be numbered by the program; give moments a section of its own.",
)
def numbering() -> Checks:
    yield from ()


@claim(
    "kl.unused",
    lines="49",
    verdict="incomplete",
    severity="misleading",
    title="KL divergence is introduced and not used",
    statement="The divergence is prepared as background and does not occur after line 149. What "
    "it is for, the variational bound whose terms are divergences of normal laws, is not in the "
    "document.",
    sources=("arXiv 2006.11239, eq. (5)",),
    supplied_by=("bound.decomposition",),
)
def unused() -> Checks:
    yield from ()
