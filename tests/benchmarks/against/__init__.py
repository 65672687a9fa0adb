"""What measuring costs beside an earlier commit, both on one machine in one run."""
