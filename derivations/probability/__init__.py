"""Bayes' rule, the product and chain rules, Markov chains."""
