"""Fidelity of generated images: distances to real images in the feature space of a network."""
