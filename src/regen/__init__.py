"""regen: the results of five course reports on generative models, regenerated from one command."""
