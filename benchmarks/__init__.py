"""One script a question; each prints its table and the machine. See README.md."""
