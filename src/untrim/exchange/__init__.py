"""Labels and detections of other people's tools and datasets, in and out."""
