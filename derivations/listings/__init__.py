"""The document's code: the noising demonstration, the embedding, the network fragment."""
