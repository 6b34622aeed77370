"""One algorithm against another: may they be compared, by how much do they differ, at what cost."""
