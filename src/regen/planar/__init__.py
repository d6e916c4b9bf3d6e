"""Planar flows on two-dimensional points: targets, training, scores, single maps."""
