"""Figures drawn from artifacts, with one module per family; nothing is trained here."""
