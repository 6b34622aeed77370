"""Pages of docs/ that are made from code and files, one module a page."""
