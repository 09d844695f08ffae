"""A second opinion on the claims that carry the rest, by engines that share no code with the first.

The proofs beside the claims go through SymPy's expressions to FLINT, z3 and ball arithmetic.  Here
each statement is written once more, by hand, in the language of another engine: ``scripts/`` holds
SMT-LIB 2 scripts, run by z3 and by cvc5; ``proofs/`` holds files that the kernel of Coq checks.
Nothing here imports SymPy, FLINT or a formula of another module.
"""
