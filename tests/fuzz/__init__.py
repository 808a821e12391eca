"""Every parser of the verifiers, given whatever may come: refused in the one way, or understood."""
