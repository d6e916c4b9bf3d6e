"""Variational autoencoders: networks, posteriors, bound, training, sampling.

References:
    Auto-Encoding Variational Bayes (Kingma and Welling, 2014).
    Stochastic Backpropagation and Approximate Inference in Deep Generative Models (Rezende, Mohamed and
    Wierstra, 2014): the importance-sampled likelihood, appendix E.
"""
