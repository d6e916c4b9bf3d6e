"""Theory, measured: what the reports derive about VAEs, against numbers that are got another way.

Closed forms against quadrature and sampling, Monte Carlo against importance sampling where p(x) is known,
gradients through the sampling step against those around it, and formulas as printed against those in use.

References:
    Auto-Encoding Variational Bayes (Kingma and Welling, 2014).
    Simple Statistical Gradient-Following Algorithms for Connectionist Reinforcement Learning (Williams,
    1992): the score function.
    Monte Carlo theory, methods and examples (Owen, 2013), chapter 9: importance sampling.
"""
