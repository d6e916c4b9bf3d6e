"""Stacks of self-attention, normalised after each block or before it: their gradients, and how they train."""
