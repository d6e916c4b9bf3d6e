"""Data sets: fetched, verified, and all handed on as the same `Images`."""
