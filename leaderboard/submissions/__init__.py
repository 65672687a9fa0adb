"""Submissions: folders of results that anybody can make, and nobody has to trust."""
