"""Formulas become MathML that browsers set, or an error that names them."""

import html
import re

import pytest

from audit.site import prose
from audit.summary import assumption_text


def texts(claim):
    return [claim.title, claim.statement, claim.correction,
            *map(assumption_text, claim.assumptions)]


def test_every_formula_of_the_ledger_is_set(ledger):
    count = 0
    for claim in ledger.values():
        for text in texts(claim):
            shown = re.sub(r"<code>.*?</code>", "", prose.prose(text))
            assert not re.search(r"\\[a-zA-Z]|merror|\$", html.unescape(shown)), (claim.id, shown)
            assert text.count("$") % 2 == 0, claim.id
            count += shown.count("<math>")
    assert count > 3000


@pytest.mark.parametrize("latex", [r"\frac{1}", r"\nosuchcommand x", r"\left( x", "x^", r"{x"])
def test_what_cannot_be_set_is_named(latex):
    with pytest.raises(prose.Unrenderable, match=re.escape(f"cannot set ${latex}$")):
        prose.mathml(latex)


@pytest.mark.parametrize("latex, wanted", [
    (r"\mathbb R", "ℝ"), (r"\mathcal{N}", "𝒩"), (r"\mathrm{Var}", "<mi>Var</mi>"),
    (r"\arg\min_t f", "<munder>"), (r"\bar\alpha_t", '<mover accent="true">'),
    (r"a < b", "<mo>&lt;</mo>"), (r"|x|", 'lspace="0"'), (r"\log x", "<mspace"),
])
def test_what_browsers_need(latex, wanted):
    assert wanted in prose.mathml(latex)


def test_text_beside_formulas():
    shown = prose.prose(r"a < b, $x$ and \texttt{f\_1()}, `g` or \begin{aligned} ... \end{aligned}")
    assert shown == (
        "a &lt; b, <math><mi>x</mi></math> and <code>f_1()</code>, <code>g</code> or "
        r"<code>\begin{aligned} ... \end{aligned}</code>"
    )


def test_nothing_in_a_text_becomes_markup():
    assert "<script" not in prose.prose(r"<script> $x<y$ `<b>` \texttt{<i>}")


def test_long_formulas_can_be_scrolled():
    assert 'class="long"' in prose.prose("$" + "+".join("abcdefghijklmnop") + "$")
    assert 'class="wide"' in prose.prose("$" + "+".join("abcdefghijklmnop" * 3) + "$")
    assert "class" not in prose.prose("$a+b$")
