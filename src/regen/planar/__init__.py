"""The planar flows of points: targets, flows trained side by side, their scores, single maps."""
