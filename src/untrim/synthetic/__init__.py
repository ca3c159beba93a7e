"""Rendered corpora: videos of a small animated world, with exact ground truth."""
