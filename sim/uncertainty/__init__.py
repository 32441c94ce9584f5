"""The uncertainty of the answer: draws of the parameters, and the decision under them."""
