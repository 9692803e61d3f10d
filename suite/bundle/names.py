"""What the files of a bundle are called."""

RESULT_FILE = "result.json"

LABELS_FILE = "labels.txt"

SPLIT_FILE = "split.json"

VERIFICATION_FILE = "verification.npz"

CARD_FILE = "README.md"
