"""Numerical checks of what the course reports derive about VAEs and GANs.

Closed forms are compared with quadrature and sampling, Monte Carlo with importance sampling where p(x) is
known, reparameterised gradients with score functions, and formulas as printed with those in use.

References:
    Auto-Encoding Variational Bayes (Kingma and Welling, 2014).
    Simple Statistical Gradient-Following Algorithms for Connectionist Reinforcement Learning (Williams,
    1992): the score function.
    Monte Carlo theory, methods and examples (Owen, 2013), chapter 9: importance sampling.
"""
