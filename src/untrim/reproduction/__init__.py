"""Run the rows of a table, several seeds each, and set what is measured beside what was published."""
