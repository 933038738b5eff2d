"""Elements picked, put and added up at integer indices."""
