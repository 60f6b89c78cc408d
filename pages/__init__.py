"""The pages: thin scripts that lay out. Being a package keeps an installed one of the same name away."""
