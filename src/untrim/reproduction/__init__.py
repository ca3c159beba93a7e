"""Run the rows of a table with several seeds each, and compare the measured figures with the published ones."""
