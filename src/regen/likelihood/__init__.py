"""Evaluation of trained VAEs: log p(x) by importance sampling, codes, interpolation."""
