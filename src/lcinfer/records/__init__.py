"""What is written beside a product: who made it, from what, and what a file says of itself."""
