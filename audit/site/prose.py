r"""Prose with ``$...$`` mathematics, ``\texttt{...}`` and backticks, as HTML with MathML.

latex2mathml does the mathematics.  What it does not know is rewritten first (REWRITES) or told:
:class:`Unrenderable` names the formula; a formula never reaches a page as raw LaTeX.
"""

from __future__ import annotations

import html
import re
import unicodedata
from functools import cache
from xml.etree import ElementTree

from latex2mathml.converter import convert
from markupsafe import Markup

# What latex2mathml leaves unread or reads in a way that browsers do not.
REWRITES = (
    (re.compile(r"\\arg\s*\\(min|max)(?![a-zA-Z])\s*_(\{(?:[^{}]|\{[^{}]*\})*\}|\w)"),
     r"\\underset{\2}{\\text{arg \1}}\,"),
    (re.compile(r"\\(mathbb|mathcal|mathsf|mathrm|mathbf)\s*([A-Za-z0-9])"), r"\\\1{\2}"),
    (re.compile(r"\\(?:textbf|textsf)\b"), r"\\text"),
)
LEFTOVER = re.compile(
    r'\\[a-zA-Z]+|merror|<m[inso][a-z]* ?/>|<m[ino]></|mathvariant="(?!normal|mono)'
)
_NAME = re.compile(r'(?:<mi mathvariant="normal">[A-Za-z]</mi>){2,}')
_BETTER = (
    (re.compile(r' xmlns="http://www.w3.org/1998/Math/MathML"'), ""),
    (re.compile(r' display="inline"'), ""),
    (re.compile(r"negativethinmathspace"), "-0.167em"),
    # Without "accent" a browser sets the bar small and far above the letter.
    (re.compile(r'<mover>(<mi>[^<]*</mi>)<mo stretchy="\w+">([¯~^])</mo>'),
     r'<mover accent="true">\1<mo stretchy="false">\2</mo>'),
    # A bar beside an absolute value is no operator, and takes no room; \mid is another sign.
    (re.compile(r'<mo(?: fence="false")?(?: stretchy="false")?>([|‖])</mo>'),
     r'<mo lspace="0" rspace="0" stretchy="false">\1</mo>'),
    # log x, not logx: latex2mathml leaves no room behind the name of a function.
    # Not where the name is the base of a power: there the next element is the exponent.
    (re.compile(r"(?<!<msup>)(?<!<msub>)(?<!<msubsup>)(?<!<munder>)"
                r"(<mi>(?:log|ln|exp|sin|cos|max|min|det|tr|Var|Cov|Corr|KL)</mi>)"
                r"(?=<(?:mi|mn|mfrac|msqrt|msub|msup|mover|mrow|mstyle))"),
     r'\1<mspace width="0.167em" />'),
    (re.compile(r"<mrow>(<m[ino](?: [^<>]*)?>[^<>]*</m[ino]>)</mrow>"), r"\1"),
    (re.compile(r"^<math><mrow>(.*)</mrow></math>$", re.S), r"<math>\1</math>"),  # math is a row
    (re.compile(r'(<[^<>]*") />'), r"\1/>"),
    (re.compile(r'"0\.(\d+)em"'), r'".\1em"'),
)
# latex2mathml leaves an argument out in silence where the source does.
ARGUMENTS = {"mfrac": 2, "msub": 2, "msup": 2, "munder": 2, "mover": 2, "mroot": 2, "msubsup": 3,
             "munderover": 3}
_VARIANT = re.compile(r'<(m[in]) mathvariant="(double-struck|script|sans-serif)">(\w)</m[in]>')
_LETTER = {"double-struck": "DOUBLE-STRUCK", "script": "SCRIPT", "sans-serif": "SANS-SERIF"}
# Longer formulas stand on a line of their own that can be scrolled: below this many characters a
# formula fits the width of a phone, below the second that of a column of text.
LONG, WIDE = 28, 76
SPACED = 0.8  # what a relation or a binary operator takes beside its own character

_TOKEN = re.compile(
    r"\$(?P<math>[^$]+)\$"
    r"|\\texttt\{(?P<typed>(?:[^{}]|\{[^{}]*\})*)\}"
    r"|`(?P<code>[^`]+)`"
    r"|(?P<command>\\[a-zA-Z]+(?:\{[^{}]*\})*(?:\s*\.\.\.\s*\\[a-zA-Z]+(?:\{[^{}]*\})*)?)"
)


class Unrenderable(ValueError):
    """A formula that cannot be set; the message quotes it."""


@cache
def mathml(latex: str) -> str:
    """One formula as a MathML element."""
    source = latex
    for pattern, better in REWRITES:
        source = pattern.sub(better, source)
    try:
        element = convert(source)
    except Exception as error:  # noqa: BLE001 - whatever the library raises, the formula is named
        raise Unrenderable(f"cannot set ${latex}$: {type(error).__name__}: {error}") from None
    element = re.sub(r"&#x0*([0-9A-Fa-f]+);", _character, element)
    element = _NAME.sub(lambda m: f"<mi>{re.sub(r'<[^>]*>', '', m[0])}</mi>", element)
    element = _VARIANT.sub(_letter, element)
    for pattern, better in _BETTER:
        element = pattern.sub(better, element)
    left = LEFTOVER.search(element)
    if left:
        raise Unrenderable(f"cannot set ${latex}$: {left[0]!r} is left over")
    if _open_braces(latex):
        raise Unrenderable(f"cannot set ${latex}$: its braces are not balanced")
    for part in ElementTree.fromstring(element).iter():
        if len(part) != ARGUMENTS.get(part.tag, len(part)):
            raise Unrenderable(f"cannot set ${latex}$: {part.tag} has {len(part)} arguments, not "
                               f"{ARGUMENTS[part.tag]}")
    return element


def _open_braces(latex: str) -> int:
    bare = re.sub(r"\\[{}]", "", latex)
    return bare.count("{") - bare.count("}")


def _letter(match: re.Match[str]) -> str:
    """A styled letter as the character that Unicode has for it: browsers ignore the attribute."""
    style, letter = _LETTER[match[2]], match[3]
    kind = "DIGIT" if letter.isdigit() else "SMALL" if letter.islower() else "CAPITAL"
    name = unicodedata.name(letter).split()[-1]
    for full in (f"MATHEMATICAL {style} {kind} {name}", f"{style} {kind} {name}"):
        try:
            return f"<{match[1]}>{unicodedata.lookup(full)}</{match[1]}>"
        except KeyError:
            continue
    return match[0]


def _character(match: re.Match[str]) -> str:
    """A numeric reference as the character itself, unless HTML gives it a meaning."""
    return html.escape(chr(int(match[1], 16)), quote=False)


def width(element: str) -> int:
    """How many characters a formula sets side by side, roughly."""
    spaced = len(re.findall(r"<mo>[^()\[\],.;<]", element))
    return round(len(html.unescape(re.sub(r"<[^>]*>", "", element))) + SPACED * spaced)


def _formula(latex: str) -> str:
    element = mathml(latex)
    size = width(element)
    if size <= LONG:
        return element
    return f'<span class="{"wide" if size > WIDE else "long"}">{element}</span>'


def _typed(text: str) -> str:
    return html.escape(re.sub(r"\\([_{}%$&#])", r"\1", text), quote=False)


def prose(text: str) -> Markup:
    """A statement, assumption, correction or title as HTML."""
    parts, at = [], 0
    for token in _TOKEN.finditer(text):
        parts.append(_typed(text[at:token.start()]))
        at = token.end()
        if token["math"]:
            parts.append(_formula(token["math"]))
        else:
            typed = token["typed"] or token["code"] or token["command"]
            parts.append(f"<code>{_typed(typed)}</code>")
    parts.append(_typed(text[at:]))
    return Markup("".join(parts))


def formulas(text: str) -> list[str]:
    """The formulas of a text, in order."""
    return [token["math"] for token in _TOKEN.finditer(text) if token["math"]]


def plain(text: str) -> str:
    """A text without its marks, for searching."""
    return re.sub(r"[\\{}$]", " ", text)
