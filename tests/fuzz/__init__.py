"""Damaged files and wrong calls for every verb: see `fuzz.inputs` and `fuzz.running`."""
