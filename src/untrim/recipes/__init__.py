"""Values of each paper on each dataset: flat YAML, one file per method and dataset, with the source of each value."""
