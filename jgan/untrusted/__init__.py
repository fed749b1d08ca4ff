"""What comes from outside: files, images, JSON, names. Read within stated limits; nothing in it is run."""
