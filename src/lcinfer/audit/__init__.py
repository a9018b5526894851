"""Where a result comes from: recorded when it is made, stamped into it, audited later."""
