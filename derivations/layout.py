"""Lines of the document that say nothing: blank ones, and the marks around formulas and code."""

from derivations.claim import Checks, claim


@claim(
    "document.blank-lines",
    lines="2, 4-8, 10, 12, 20, 22, 28, 34, 36, 38, 44, 48, 50, 52, 55, 57, 61, 66, 68, 70, 74, 91, "
          "93, 97, 99, 103, 105, 109, 111, 114, 120, 122, 127-128, 145, 147, 151, 153, 155, 157, "
          "164, 166, 168, 175, 177, 179, 181, 187, 189, 198, 207, 209, 211, 213, 215, 218, 223, "
          "228, 233, 245, 249, 251, 253, 263, 273-275, 277-279, 281, 283, 289, 295, 311-313, 315, "
          "327, 332, 335, 344-345, 365, 376, 403, 412, 428, 432, 440, 443, 445-447, 451-453, 455",
    verdict="not-mathematical",
    severity="cosmetic",
    title="Blank lines",
    statement="Lines that are empty or hold only spaces. Where the blank stands for something "
              "that is missing, the gap has an entry of its own.",
)
def blank_lines() -> Checks:
    yield from ()


@claim(
    "document.delimiters",
    lines="17, 19, 23, 27, 30, 33, 40, 42, 45, 47, 58, 60, 63, 65, 71, 73, 76, 78, 80-81, 88-89, "
          "124, 126, 130, 132, 134-135, 142-143, 148, 150, 170, 172, 183, 185, 190, 192, 194, 196, "
          "199, 201, 204, 206, 219, 221, 224, 226, 229, 231, 234-235, 243-244, 246, 248, 254-255, "
          "260-261, 264, 266, 269, 271, 284, 310, 316, 442, 448, 450",
    verdict="not-mathematical",
    severity="cosmetic",
    title="Marks that open and close formulas and listings",
    statement="Lines that hold nothing but a display delimiter, the start or end of an alignment, "
              "or a code fence.",
)
def delimiters() -> Checks:
    yield from ()


@claim(
    "document.connectives",
    lines="165, 169",
    verdict="not-mathematical",
    severity="cosmetic",
    title="A heading and a connective",
    statement="A heading that names the method of the section, and half a sentence that announces "
              "the formula below it. Neither asserts anything.",
)
def connectives() -> Checks:
    yield from ()
