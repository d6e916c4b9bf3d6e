"""The Dirac GAN: a point that learns to be 0 against a linear critic, trained in twenty ways."""
