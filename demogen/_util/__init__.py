"""What every room uses: looking names up, paths of this machine, progress."""
