"""Fidelity: how close generated images come to real ones in what a network sees in them."""
