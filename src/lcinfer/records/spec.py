"""A product's ``spec.json``: what decides its content, so that its directory explains itself.

It holds what the fingerprint is the digest of: the product's own settings and the
fingerprints of what it is made from.
"""

from ..base.durable import write_json
from ..products.product import Product


def write_spec(product: Product) -> None:
    """Say in a product's directory what it is."""
    spec = {
        "name": product.name,
        "fingerprint": product.fingerprint,
        "made_of": product.identity,
    }
    write_json(product.spec, spec)
