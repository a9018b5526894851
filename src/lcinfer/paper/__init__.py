"""The paper's tables and claims, computed from a run, beside what the paper says of its own."""
