"""What a finished run is published with: a research object crate, the text of a methods section."""
