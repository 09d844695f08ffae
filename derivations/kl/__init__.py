"""The KL divergence: definition, properties, closed forms between normal distributions."""
