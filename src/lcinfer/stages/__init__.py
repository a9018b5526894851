"""What the rules of the workflow do: products in, products out."""
