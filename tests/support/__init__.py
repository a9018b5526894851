"""What the tests share: stand-ins for 21cmFAST, small runs, toy data, faults to make."""
