"""What is of no field: files, locks, processes, progress, settings and the like."""
