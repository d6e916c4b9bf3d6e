"""The attention room: translators with and without attention, their decoding, learner and measures."""
