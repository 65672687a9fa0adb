"""Readers of the files that other people's zoos consist of; nothing here knows of networks."""
