"""How fast Holdfast is, each figure beside what bounds it in the same run: `make bench`."""
