"""A day on a GPU: self-checks, the benchmark table and the full GAN runs, in slices of some minutes."""
