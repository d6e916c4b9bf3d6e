"""Generative adversarial networks: networks, losses, training, samples.

References:
    Generative Adversarial Nets (Goodfellow et al., 2014).
    Wasserstein GAN (Arjovsky, Chintala and Bottou, 2017).
    Which Training Methods for GANs do actually Converge? (Mescheder, Geiger and Nowozin, 2018).
"""
