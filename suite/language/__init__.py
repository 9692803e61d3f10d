"""Language: words and their ids, counts, features, and the rules that embeddings are learned by."""
