"""The Dirac GAN: a point that learns to be 0 against a linear critic, twenty ways to train the two."""
