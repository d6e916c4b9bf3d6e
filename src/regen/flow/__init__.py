"""Normalizing flows: planar flows on two-dimensional targets, RealNVP on images.

References:
    Variational Inference with Normalizing Flows (Rezende and Mohamed, 2015).
    Density Estimation using Real NVP (Dinh, Sohl-Dickstein and Bengio, 2017).
"""
