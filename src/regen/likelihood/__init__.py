"""What is measured on trained VAEs: log p(x) by importance sampling, codes, interpolation."""
