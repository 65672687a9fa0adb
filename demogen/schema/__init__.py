"""What is said of a network, an image set and a collection, as typed records."""
