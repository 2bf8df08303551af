"""Commands that have a file of their own; `cli` adds each to the program."""
