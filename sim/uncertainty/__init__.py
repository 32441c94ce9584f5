"""How sure the answer is: draws of the parameters, and what they say of the decision."""
