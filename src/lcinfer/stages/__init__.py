"""What the rules of the workflow do: products in, products out.

A module has the name of its rule, or the word that its rules share: `images` does `prepare_images`,
`cut_images`, `seal_images`, and the same for spectra, since their rules use those of images. The
other modules write the tables of `summarise`.
"""
