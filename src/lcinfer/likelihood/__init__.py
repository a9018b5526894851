"""Power spectra -> posteriors by an emulator, a Gaussian likelihood and MCMC, as 21CMMC does."""
