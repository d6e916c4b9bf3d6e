"""Data sets: downloading, verification, and conversion to `Images`."""
