"""What `cachegate connect` prints for one cache. Pure, but for the command itself."""
