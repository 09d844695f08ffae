r"""The introduction: what is opinion, what is misprinted, and one rule of Markdown.

A run of asterisks closes an emphasis only if it is right-flanking (CommonMark 0.31.2, section 6.2):
not after white space, and, where it follows punctuation, only before white space or punctuation.
"""

from __future__ import annotations

import unicodedata

from derivations.claim import Checks, claim, corrects, refutes
from derivations.prover.execution import evaluates, token


def is_punctuation(character: str) -> bool:
    """CommonMark's Unicode punctuation: the general categories P and S."""
    return unicodedata.category(character)[0] in "PS"


def is_space(character: str) -> bool:
    """CommonMark's Unicode white space: category Zs, tab, line feed, form feed, carriage return."""
    return unicodedata.category(character) == "Zs" or character in "\t\n\f\r"


def right_flanking(before: str, after: str) -> bool:
    """Whether a delimiter run between these two characters is right-flanking."""
    if is_space(before):
        return False
    return not is_punctuation(before) or is_space(after) or is_punctuation(after)


@claim(
    "intro.title",
    lines="1",
    verdict="not-mathematical",
    severity="cosmetic",
    title="Title",
    statement="The title names the subject, diffusion models; there is nothing to verify.",
)
def title() -> Checks:
    yield from ()


@claim(
    "intro.four-families",
    lines="3",
    verdict="not-mathematical",
    severity="misleading",
    title="Four main families of generative models",
    statement=(
        "The main generative models are said to be four: adversarial networks, variational "
        "autoencoders, flows and diffusion models. This is a way of sorting, not a theorem; "
        "autoregressive and energy-based models do not appear in it."
    ),
    correction=(
        "Among the main families are adversarial networks, variational autoencoders, flows, "
        "autoregressive models, energy-based models and diffusion models."
    ),
    sources=(
        "van den Oord, Kalchbrenner & Kavukcuoglu 2016, arXiv 1601.06759 (autoregressive)",
        "Du & Mordatch 2019, arXiv 1903.08689 (energy-based)",
    ),
)
def four_families() -> Checks:
    yield from ()


@claim(
    "intro.vae-name",
    lines="3",
    verdict="misprint",
    severity="cosmetic",
    title="Name of the variational autoencoder",
    statement=(
        "The Chinese name of the variational autoencoder has one character too many, which turns "
        "the word for variational into one that contains differential."
    ),
    correction="变分自动编码器 (variational autoencoder)",
    sources=("Kingma & Welling 2014, arXiv 1312.6114",),
)
def vae_name() -> Checks:
    yield refutes(token("the inserted character changes the word", 3, "变微分", "变分"))


@claim(
    "intro.gan-name",
    lines="3",
    verdict="misprint",
    severity="cosmetic",
    title="Name of the generative adversarial network",
    statement=(
        "The N of GAN stands for network; the Chinese name printed for it ends in the word for "
        "model."
    ),
    correction="生成对抗网络 (generative adversarial network)",
    sources=("Goodfellow et al. 2014, arXiv 1406.2661",),
)
def gan_name() -> Checks:
    yield refutes(token("model for network", 3, "生成对抗模型", "生成对抗网络"))


@claim(
    "intro.state-of-the-art",
    lines="3",
    verdict="not-mathematical",
    severity="misleading",
    title="Diffusion models as the state of the art, ahead of GANs",
    statement=(
        "Diffusion models are said to be the state of the art of deep generative models and to "
        "have passed adversarial networks in image generation. No metric, data set, protocol, "
        "date or source is given, and the order of the two depends on all of them."
    ),
    correction=(
        "Name metric, data set, protocol and date: for ImageNet, by FID, as of 2021, see "
        "Dhariwal & Nichol 2021."
    ),
    sources=("Dhariwal & Nichol 2021, arXiv 2105.05233",),
)
def state_of_the_art() -> Checks:
    yield from ()


@claim(
    "intro.applications",
    lines="3",
    verdict="not-mathematical",
    severity="cosmetic",
    title="Fields of application and neighbouring fields",
    statement=(
        "Seven kinds of application, besides images, and three neighbouring fields of research are "
        "listed without a source; a survey can support such a list, a proof cannot."
    ),
    sources=("Yang et al. 2022, arXiv 2209.00796 (survey)",),
)
def applications() -> Checks:
    yield from ()


@claim(
    "intro.separators",
    lines="3",
    verdict="misprint",
    severity="cosmetic",
    title="Two signs between the members of one list",
    statement=(
        "In the list of applications the first two members are separated by a comma, all others by "
        "the sign that Chinese uses inside a list."
    ),
    correction="计算机视觉、NLP、",
    sources=("GB/T 15834-2011, section 4.5 (enumeration comma)",),
)
def separators() -> Checks:
    yield refutes(token("a comma inside the list", 3, "，NLP、", "、NLP、"))


@claim(
    "intro.scope",
    lines="3",
    verdict="not-mathematical",
    severity="cosmetic",
    title="Announced scope: the mathematics and the code",
    statement=(
        "The text announces an explanation of the mathematics and of the code. The announcement "
        "itself cannot be right or wrong; where a section stays empty, an entry of that section "
        "says so."
    ),
)
def scope() -> Checks:
    yield from ()


@claim(
    "intro.emphasis",
    lines="3",
    verdict="misprint",
    severity="cosmetic",
    title="Emphasis that does not close",
    statement=(
        "The asterisks that should close the emphasised term stand between a closing full-width "
        "bracket and a letter. Such a run is not right-flanking, so CommonMark prints the "
        "asterisks."
    ),
    correction="Put the bracket behind the asterisks: **扩散模型**（diffusion models）",
    sources=("CommonMark 0.31.2, section 6.2 (emphasis and strong emphasis)",),
)
def emphasis() -> Checks:
    yield refutes(token("the closing run as it stands", 3, "）**是", "**（"))
    yield refutes(evaluates(
        "a run after a full-width bracket and before a letter cannot close an emphasis",
        lambda: right_flanking("）", "是"), False,
        wrong={
            "between two letters": lambda: right_flanking("型", "是"),
            "bracket, then a full stop": lambda: right_flanking("）", "。"),
        },
    ))
    yield corrects(evaluates(
        "a run after a letter and before a bracket can close an emphasis",
        lambda: right_flanking("型", "（"), True,
        wrong={"after a space": lambda: right_flanking(" ", "（")},
    ))


@claim(
    "intro.background-heading",
    lines="9",
    verdict="not-mathematical",
    severity="cosmetic",
    title="Heading of the background section",
    statement=(
        "The heading announces background knowledge. Its wording shares the word for prior with "
        "the prior probability defined just below it; the two have nothing to do with each other."
    ),
    correction="预备知识 (preliminaries)",
)
def background_heading() -> Checks:
    yield from ()
