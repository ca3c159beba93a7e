"""From feature folders and annotations to batches."""
