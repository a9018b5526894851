"""A trained network -> predictions, scores, residuals, and the trials of a sweep."""
