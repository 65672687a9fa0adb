"""What measuring and scoring cost beside an earlier commit, both on one machine in one run."""
