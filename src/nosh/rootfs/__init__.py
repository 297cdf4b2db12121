"""The root file system in memory: what packages bring, and what maintainer scripts would have made."""
