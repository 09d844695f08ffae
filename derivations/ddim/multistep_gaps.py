r"""The end of the document: what lines 441 to 455 announce and do not give.

    q(x_t | x_s) and the draw of x_t from x_0 are supplied in derivations/ddim/transition.py.
"""

import ast

from derivations.claim import Checks, claim
from derivations.ddim.transition import DDPM
from derivations.prover.execution import executes


@claim(
    "multistep.file-name",
    lines="441",
    verdict="incomplete",
    severity="cosmetic",
    title="A file is named and nothing follows",
    statement=(
        "A comment names a file of the code released with arXiv 2006.11239.  Nothing of that file "
        "follows; nor do the lines above come from it: the rescaled linear and the cosine schedule "
        "are those released with arXiv 2102.09672.  What that file holds of the forward process is "
        "variances by name (a plain linear spacing among them), the mean and variance of "
        "$q(x_t\\mid x_0)$ with a draw from it, and the posterior; the reverse step and the "
        "objectives follow there."
    ),
    sources=(
        "hojonathanho/diffusion, diffusion_tf/diffusion_utils_2.py",
        "openai/improved-diffusion, improved_diffusion/gaussian_diffusion.py",
    ),
    supplied_by=(
        "schedule.linear.definition", "marginal.density", "multistep.q-sample", "posterior.mean",
        "posterior.variance", "reverse.objective.simple",
    ),
)
def file_name() -> Checks:
    yield from ()


@claim(
    "multistep.one-to-many-empty",
    lines="444",
    verdict="incomplete",
    severity="misleading",
    title="From one step to many: announced, not given",
    statement=(
        "A fragment without a verb announces the passage from one noising step to several.  No "
        "formula follows."
    ),
    sources=(DDPM,),
    supplied_by=(
        "multistep.two-steps", "multistep.transition", "multistep.composition",
        "multistep.neighbours", "multistep.q-sample", "multistep.covariance",
    ),
)
def one_to_many_empty() -> Checks:
    yield from ()


@claim(
    "multistep.q-sample-empty",
    lines="448-450",
    verdict="incomplete",
    severity="misleading",
    title="The listing for drawing x_t from x_0 holds a comment only",
    statement=(
        "A Python block is announced for the draw of $x_t$ from $x_0$.  It has a comment and no "
        "statement: it defines nothing."
    ),
    sources=(DDPM,),
    supplied_by=("multistep.q-sample",),
)
def q_sample_empty() -> Checks:
    yield executes(
        "a source of one comment has no statements",
        lambda: len(ast.parse("# a comment").body), 0,
        wrong={"with a definition": lambda: len(ast.parse("def q_sample(): ...").body)},
    )


@claim(
    "multistep.appendix-empty",
    lines="454",
    verdict="not-mathematical",
    severity="cosmetic",
    title="An empty appendix",
    statement="The heading of an appendix, after which the document ends: nothing to verify.",
)
def appendix_empty() -> Checks:
    yield from ()
