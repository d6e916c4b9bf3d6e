"""How long tests wait for other processes."""

import time

PATIENCE = 300
"""Seconds: far more than anything takes where many share the cores; only what is broken takes so long.

A process that is to be ended by another has to live longer than that by itself, or nobody sees it left over.
"""
FOREVER = 10 * PATIENCE


def wait_for(condition, every=0.05):
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(every)
