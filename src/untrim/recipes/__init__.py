"""Values of each paper on each dataset: flat YAML, one file a method and dataset, each value with its source."""
