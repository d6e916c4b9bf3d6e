"""The RealNVP room: the flow, its learner, its samples."""
