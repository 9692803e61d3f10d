"""Language: words, ids and counts, features, n-gram models, and the rules that embeddings are learned by."""
